//! The text of `/proc` and `/sys` as numbers. Pure; whatever does not fit is `None`.

/// A kernel's version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version {
    /// The 6 of 6.12.
    pub major: u32,
    /// The 12 of 6.12.
    pub minor: u32,
}

/// `6.1.0-18-amd64`, `6.18.44-fc`, `6.12-rc3`.
#[must_use]
pub fn version(release: &str) -> Option<Version> {
    let mut numbers = release.split(|byte: char| !byte.is_ascii_digit());
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?.parse().ok()?;
    Some(Version { major, minor })
}

/// A number that may have a sign: `tcp_ehash_entries` is negative in a network namespace that shares the host's table.
#[must_use]
pub fn magnitude(text: &str) -> Option<u64> {
    text.trim().parse::<i64>().ok().map(i64::unsigned_abs)
}

/// A number. More than an `i64` holds, as some systems set `fs.file-max`, counts too.
#[must_use]
pub fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// Exactly `COUNT` numbers between white space, as in `tcp_mem`.
#[must_use]
pub fn numbers<const COUNT: usize>(text: &str) -> Option<[u64; COUNT]> {
    let mut words = text.split_ascii_whitespace();
    let mut found = [0; COUNT];
    for place in &mut found {
        *place = words.next()?.parse().ok()?;
    }
    words.next().is_none().then_some(found)
}

/// Soft and hard value of a row of `/proc/<pid>/limits`; `unlimited` is the largest number.
#[must_use]
pub fn limit(limits: &str, row: &str) -> Option<(u64, u64)> {
    let rest = limits.lines().find_map(|line| line.strip_prefix(row))?;
    let mut words =
        rest.split_ascii_whitespace().map(|word| if word == "unlimited" { Some(u64::MAX) } else { word.parse().ok() });
    Some((words.next()??, words.next()??))
}

/// The value of a `Name: value` line, as in `/proc/<pid>/status`.
#[must_use]
pub fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
}

/// Bytes of a `Name:  123 kB` line, as in `/proc/meminfo`.
#[must_use]
pub fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let value = field(text, name)?.strip_suffix("kB")?.trim();
    value.parse::<u64>().ok()?.checked_mul(1024)
}

/// How many processors a list such as `0-3,8,10-11` names.
#[must_use]
pub fn processors(list: &str) -> Option<u64> {
    let mut count = 0;
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        count = last.checked_sub(first)?.checked_add(1)?.checked_add(count)?;
    }
    Some(count)
}

/// True if a mask such as `00000000,00000fff` names a processor.
#[must_use]
pub fn any_in_mask(mask: &str) -> bool {
    mask.bytes().any(|byte| byte.is_ascii_hexdigit() && byte != b'0')
}

/// The word in brackets of `always [madvise] never`.
#[must_use]
pub fn chosen(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(word, _)| word)
}

/// The group of `/proc/<pid>/cgroup` under which memory is counted: the path, and whether it is version 2.
#[must_use]
pub fn memory_group(text: &str) -> Option<(&str, bool)> {
    let path_of = |controller: &str| {
        text.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':');
            let controllers = parts.nth(1)?;
            let path = parts.next()?;
            controllers.split(',').any(|name| name == controller).then_some(path)
        })
    };
    // A host with both has the memory controller in version 1.
    path_of("memory").map(|path| (path, false)).or_else(|| path_of("").map(|path| (path, true)))
}

/// Processors' worth of time that a `cpu.max` of version 2 allows, in thousandths; `None` if it is not bounded.
#[must_use]
pub fn quota_thousandths(text: &str) -> Option<u64> {
    let [quota, period] = numbers::<2>(text)?;
    quota.saturating_mul(1000).checked_div(period)
}

/// Connections in use in `/proc/net/sockstat`.
#[must_use]
pub fn connections(sockstat: &str) -> Option<u64> {
    let mut words = field(sockstat, "TCP")?.split_ascii_whitespace();
    words.find(|word| *word == "inuse")?;
    words.next()?.parse().ok()
}

/// True if the bit of a capability is set in a hexadecimal mask such as `CapEff`.
#[must_use]
pub fn has_capability(mask: &str, bit: u32) -> Option<bool> {
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    Some(mask >> bit & 1 == 1)
}

#[cfg(test)]
mod tests;
