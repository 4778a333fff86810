//! One core's io_uring.
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, cqueue, opcode, squeue};

use crate::{EventFd, Features, Kind, Obstacle, RingAddress, Socket, Token};

/// Entries that can be queued between two submissions; a full queue submits by itself. 64 B each.
const SUBMISSIONS: u32 = 1_024;

/// Completions that fit before the kernel keeps them in a list of its own, from which none is lost. 16 B each.
const COMPLETIONS: u32 = 16_384;

/// What a poll for input asks for: bytes, or the peer's FIN.
const INPUT: u32 = (libc::POLLIN | libc::POLLRDHUP) as u32;

/// What a poll for the end asks for: the peer's FIN. Errors come unasked.
const END: u32 = libc::POLLRDHUP as u32;

const OUTPUT: u32 = libc::POLLOUT as u32;

/// An io_uring that one thread owns: made by the main thread (so that its descriptor is in every shard's file table),
/// given to the shard's thread, [enabled](Ring::enable) there, and from then on used by no other thread.
pub struct Ring {
    uring: IoUring,
    features: Features,
    enters: u64,
    /// Completions that had to make room before they were asked for.
    early: VecDeque<Completion>,
}

/// One completion.
#[derive(Clone, Copy, Debug)]
pub struct Completion {
    /// What it is about.
    pub token: Token,
    /// A descriptor, a mask of poll events or the doorbell's message; negative: an `errno`.
    pub result: i32,
    /// True if more completions of the same entry follow. False: it has ended and must be made anew if it is wanted.
    pub more: bool,
}

/// How to wait.
#[derive(Clone, Copy, Default, Debug)]
pub struct Wait {
    /// At most so long; `None`: until something completes.
    pub timeout: Option<Duration>,
    /// Collect a batch, where [`Features::batch_wait`].
    pub batch: Option<Batch>,
}

/// Return at `completions` of them or, if there is at least one, after `window`.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// So many are enough.
    pub completions: u32,
    /// So long is enough; whole microseconds.
    pub window: Duration,
}

impl Ring {
    /// Makes a ring that is disabled yet.
    ///
    /// # Errors
    /// What forbids it, with advice.
    pub fn new() -> Result<Self, Obstacle> {
        let (uring, no_index) = match build(true) {
            Ok(uring) => (uring, true),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                (build(false).map_err(|error| Obstacle::of(&error))?, false)
            }
            Err(error) => return Err(Obstacle::of(&error)),
        };
        let features = Features::of(uring.params(), no_index);
        Ok(Self { uring, features, enters: 0, early: VecDeque::new() })
    }

    /// Makes the calling thread the ring's owner.
    ///
    /// # Errors
    /// What the kernel says; a ring is enabled once.
    pub fn enable(&mut self) -> io::Result<()> {
        self.uring.submitter().register_enable_rings()
    }

    /// What the kernel offers.
    #[must_use]
    pub fn features(&self) -> Features {
        self.features
    }

    /// Where to ring this ring's doorbell. Good as long as the ring lives, in every file table that has its descriptor.
    #[must_use]
    pub fn address(&self) -> RingAddress {
        RingAddress::new(self.uring.as_raw_fd())
    }

    /// System calls made so far.
    #[must_use]
    pub fn enters(&self) -> u64 {
        self.enters
    }

    /// Accepts from `listener` until a completion without `more`: each completion is a descriptor, non-blocking and closed on
    /// exec.
    pub fn accept(&mut self, listener: RawFd, slot: u32) {
        let entry = opcode::AcceptMulti::new(Fd(listener)).flags(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC).build();
        self.push(&entry, Token::new(Kind::Accept, slot));
    }

    /// Waits once for input, a FIN or an error. What is there already completes at once.
    pub fn poll_input(&mut self, socket: Socket, slot: u32) {
        let entry = opcode::PollAdd::new(Fd(socket.fd()), INPUT).build();
        self.push(&entry, Token::new(Kind::Readable, slot));
    }

    /// Waits for input, a FIN or an error, each time some arrives. Does not end by itself, not even when the connection does
    /// (seen on 6.18): [`Ring::stop_polling`] ends it.
    pub fn poll_input_always(&mut self, socket: Socket, slot: u32) {
        let entry = opcode::PollAdd::new(Fd(socket.fd()), INPUT).multi(true).build();
        self.push(&entry, Token::new(Kind::Readable, slot));
    }

    /// Waits once for a FIN or an error, whatever there is to read.
    pub fn poll_end(&mut self, socket: Socket, slot: u32) {
        let entry = opcode::PollAdd::new(Fd(socket.fd()), END).build();
        self.push(&entry, Token::new(Kind::Readable, slot));
    }

    /// Waits once for room to send, or an error.
    pub fn poll_output(&mut self, socket: Socket, slot: u32) {
        let entry = opcode::PollAdd::new(Fd(socket.fd()), OUTPUT).build();
        self.push(&entry, Token::new(Kind::Writable, slot));
    }

    /// Ends a poll ([`Kind::Readable`] or [`Kind::Writable`]): it completes with `ECANCELED`, unless it has completed already. The
    /// kernel finds it by walking one of 256 lists of all polls, so this is for the few that don't end by themselves.
    ///
    /// A cancel, not a removal of the poll: that one is refused (`EALREADY`) while a wake-up of the poll waits to be handled,
    /// as it does right after a shutdown.
    pub fn stop_polling(&mut self, kind: Kind, slot: u32) {
        let entry = opcode::AsyncCancel::new(Token::new(kind, slot).bits()).build().flags(squeue::Flags::SKIP_SUCCESS);
        self.push(&entry, Token::new(Kind::Refused, slot));
    }

    /// Rings another ring's doorbell: it gets a completion of [`Kind::Doorbell`] with the slot `from`. Leaves with the next
    /// submission. If the other ring is gone, this one gets [`Kind::Refused`].
    pub fn ring(&mut self, to: RingAddress, from: u32) {
        let message = Token::new(Kind::Doorbell, from).bits();
        let entry = opcode::MsgRingData::new(Fd(to.fd()), 0, message, None).build().flags(squeue::Flags::SKIP_SUCCESS);
        self.push(&entry, Token::new(Kind::Refused, from));
    }

    fn push(&mut self, entry: &squeue::Entry, token: Token) {
        let entry = entry.clone().user_data(token.bits());
        loop {
            // SAFETY: the entry must stay valid until it completes.
            // - every entry made in this file carries descriptors, flags and numbers, and no pointer.
            let pushed = unsafe { self.uring.submission().push(&entry) };
            match pushed {
                Ok(()) => return,
                // Full: the kernel takes them all in one call. If it refuses (out of memory, or an older one while completions
                // wait for room), reaping is what helps.
                Err(_full) => {
                    if self.submit().is_err() || self.queued() > 0 {
                        self.reap_early();
                    }
                }
            }
        }
    }

    /// Entries that are queued and not submitted.
    #[must_use]
    pub fn queued(&mut self) -> usize {
        self.uring.submission().len()
    }

    /// Submits what is queued, without waiting.
    ///
    /// # Errors
    /// What the kernel says; nothing is lost, submit again.
    pub fn submit(&mut self) -> io::Result<()> {
        self.enter(0, EnterFlags::empty(), None)
    }

    /// Submits what is queued and lets the kernel deliver what is pending, without waiting.
    ///
    /// # Errors
    /// What the kernel says; nothing is lost, call again.
    pub fn flush(&mut self) -> io::Result<()> {
        self.enter(0, EnterFlags::GETEVENTS, None)
    }

    /// Submits what is queued and waits, all in one system call. Returns at once if completions are there. A time-out, and a
    /// signal, are no errors.
    ///
    /// # Errors
    /// What the kernel says; nothing is lost, call again.
    pub fn wait(&mut self, wait: Wait) -> io::Result<()> {
        if !self.early.is_empty() {
            return self.flush();
        }
        let timeout = wait.timeout.map(Timespec::from);
        let mut want = 1;
        let mut args = SubmitArgs::new();
        if let Some(batch) = wait.batch.filter(|_| self.features.batch_wait) {
            want = batch.completions;
            args = args.min_wait_usec(u32::try_from(batch.window.as_micros()).unwrap_or(u32::MAX));
        }
        match &timeout {
            Some(timeout) => self.enter(want, EnterFlags::GETEVENTS, Some(&args.timespec(timeout))),
            None => self.enter(want, EnterFlags::GETEVENTS, Some(&args)),
        }
    }

    fn enter(&mut self, want: u32, flags: EnterFlags, args: Option<&SubmitArgs<'_, '_>>) -> io::Result<()> {
        self.enters += 1;
        let queued = u32::try_from(self.queued()).unwrap_or(u32::MAX);
        let mut flags = flags;
        flags.set(EnterFlags::EXT_ARG, args.is_some());
        flags.set(EnterFlags::NO_IOWAIT, self.features.no_iowait && want > 0);
        // SAFETY: the arguments must fit the flags, and live during the call.
        // - `EXT_ARG` is set if and only if `args` is a `SubmitArgs`, which is what it announces; a borrow outlives the call.
        // - `queued` counts whole entries between the kernel's head and our tail.
        let entered = unsafe { self.uring.submitter().enter(queued, want, flags.bits(), args) };
        match entered {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error() {
                // ETIME: nothing in time. EINTR: a signal. EBUSY: completions wait to be reaped first.
                Some(libc::ETIME | libc::EINTR | libc::EBUSY) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// True if a completion can be had without waiting: in the ring, in the kernel's list behind a full ring, or as task work that
    /// [`Ring::flush`] turns into completions.
    #[must_use]
    pub fn is_pending(&mut self) -> bool {
        let (_, submission, completion) = self.uring.split();
        !self.early.is_empty() || !completion.is_empty() || submission.taskrun() || submission.cq_overflow()
    }

    /// Moves completions into `into`; says how many. Fewer than fit: there are no more, unless [`Ring::is_pending`].
    pub fn reap(&mut self, into: &mut [Completion]) -> usize {
        let mut count = 0;
        let early = self.early.len().min(into.len());
        for (place, completion) in into.iter_mut().zip(self.early.drain(..early)) {
            *place = completion;
            count += 1;
        }
        let mut queue = self.uring.completion();
        while let Some(place) = into.get_mut(count) {
            let Some(entry) = queue.next() else { break };
            *place = Completion::of(&entry);
            count += 1;
        }
        count
    }

    fn reap_early(&mut self) {
        self.early.extend(self.uring.completion().map(|entry| Completion::of(&entry)));
    }

    /// Lets `signal` be written at each completion while [`Ring::signal`] is on. It starts off.
    ///
    /// Never poll another eventfd in such a ring: its completions are signalled once and then never again (6.18). Doorbells
    /// don't have that fault.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn register(&mut self, signal: &EventFd) -> io::Result<()> {
        self.uring.submitter().register_eventfd(signal.as_raw_fd())?;
        self.signal(false);
        Ok(())
    }

    /// Turns the registered signal on or off.
    pub fn signal(&mut self, on: bool) {
        let queue = self.uring.completion();
        if on {
            queue.enable_eventfd();
        } else {
            queue.disable_eventfd();
        }
    }
}

impl Completion {
    fn of(entry: &cqueue::Entry) -> Self {
        Self { token: Token::from_bits(entry.user_data()), result: entry.result(), more: cqueue::more(entry.flags()) }
    }
}

impl Default for Completion {
    fn default() -> Self {
        Self { token: Token::from_bits(0), result: 0, more: false }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Ring").field("features", &self.features).field("enters", &self.enters).finish_non_exhaustive()
    }
}

fn build(no_index: bool) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder
        .setup_r_disabled()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_coop_taskrun()
        .setup_taskrun_flag()
        .setup_submit_all()
        .setup_cqsize(COMPLETIONS);
    if no_index {
        builder.setup_no_sqarray();
    }
    builder.build(SUBMISSIONS)
}
