//! Builds the agent, statically, so that the daemon can carry it.
//!
//! The agent is PID 1 in sandboxes whose files may belong to any distribution, so it can depend on no
//! library there; and it has to be built for the target even when the daemon isn't linked that way. A
//! cargo of its own does that, in a directory of its own: the outer cargo holds the lock of its own.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The package of the agent, below this one.
const PACKAGE: &str = "codebeaker-agent";

/// Names another target for the agent, such as `x86_64-unknown-linux-musl`, where the system has no static
/// C library.
const AGENT_TARGET: &str = "CODEBEAKER_AGENT_TARGET";

/// Settings of the outer build that would change how the agent is built.
const OUTER_SETTINGS: [&str; 8] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_TARGET_DIR",
    "RUSTFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "CLIPPY_ARGS",
    "CARGO_INCREMENTAL",
];

fn main() -> Result<(), Box<dyn Error>> {
    for path in ["build.rs", "Cargo.toml", "Cargo.lock", "src/agent/guest/Cargo.toml", "src/agent/guest/src"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-env-changed={AGENT_TARGET}");
    let target = env::var(AGENT_TARGET).or_else(|_| env::var("TARGET"))?;
    let target_dir = out.join("agent-target");

    let mut cargo = Command::new(env::var("CARGO")?);
    cargo
        .current_dir(env::var("CARGO_MANIFEST_DIR")?)
        .args(["build", "--release", "--locked", "--package", PACKAGE, "--bin", PACKAGE, "--target", &target])
        .arg("--target-dir")
        .arg(&target_dir);
    for setting in OUTER_SETTINGS {
        cargo.env_remove(setting);
    }
    let built = cargo
        // An explicit target keeps these flags from the build's own tools, which can't be linked so.
        .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s")
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .status()?;
    if !built.success() {
        return Err(format!(
            "the agent could not be built ({built}). If the linker found no static C library, install it (glibc-static \
             on Fedora), or add the target {}-unknown-linux-musl with rustup and name it in {AGENT_TARGET}",
            env::var("CARGO_CFG_TARGET_ARCH")?
        )
        .into());
    }
    fs::copy(target_dir.join(&target).join("release").join(PACKAGE), out.join(PACKAGE))?;
    println!("cargo::rustc-env=CODEBEAKER_AGENT={}", out.join(PACKAGE).display());
    Ok(())
}
