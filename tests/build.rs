//! Links the binaries of this package so that they find libtorch where it was built against, and
//! so that CUDA is not dropped.

fn main() {
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
