//! Notes the commit, so that every result names it.
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=RINGCAST_COMMIT");
    println!("cargo:rerun-if-changed=../../.git/HEAD");
    println!("cargo:rerun-if-changed=../../.git/logs/HEAD");
    if let Ok(given) = std::env::var("RINGCAST_COMMIT") {
        println!("cargo:rustc-env=RINGCAST_COMMIT={given}");
        return;
    }
    let git = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let commit = match git {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Ok(_) | Err(_) => "unknown".to_owned(),
    };
    println!("cargo:rustc-env=RINGCAST_COMMIT={commit}");
}
