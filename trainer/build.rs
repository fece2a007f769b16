//! Links the binaries of this package so that they find libtorch where it was built against, and
//! so that CUDA is not dropped. Tells the model card which commit the trainer was built from.

use std::path::Path;
use std::process::Command;

fn main() {
    name_commit();
    // torch-sys tells its direct dependents where it found libtorch.
    let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") else {
        return;
    };
    println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
    // Nothing refers to a symbol of libtorch_cuda, so the linker would leave it out.
    println!("cargo::rustc-link-arg=-Wl,--no-as-needed");
    println!("cargo::rustc-link-arg=-ltorch");
    println!("cargo::rustc-link-arg=-Wl,--as-needed");
}

fn name_commit() {
    // Changes with every commit and checkout; a path that is not there would mean "always".
    const LOG: &str = "../.git/logs/HEAD";
    if Path::new(LOG).exists() {
        println!("cargo::rerun-if-changed={LOG}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    let git = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output();
    let Some(output) = git.ok().filter(|output| output.status.success()) else {
        return;
    };
    println!(
        "cargo::rustc-env=AIMCLR_COMMIT={}",
        String::from_utf8_lossy(&output.stdout).trim()
    );
}
