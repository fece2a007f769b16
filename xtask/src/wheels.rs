//! Which wheels hold the native libraries, and what is taken from each.
//!
//! The versions belong together: `tch` binds one libtorch exactly, and the CPU part of that libtorch
//! is linked against CUDA's runtime and CUPTI, which are wheels of their own.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// The version of libtorch that `tch` binds.
pub const LIBTORCH: &str = "2.11.0";
/// The version of ONNX Runtime.
pub const ONNX_RUNTIME: &str = "1.31.1";

/// A wheel: a zip file whose name says package, version and platform.
#[derive(Clone, Copy, Debug)]
pub struct Wheel {
    /// `package-version-python-abi-platform.whl`
    pub file: &'static str,
    /// Bytes
    pub size: u64,
    /// In hexadecimal
    pub sha256: &'static str,
}

impl Wheel {
    /// The package as pip knows it, underscores for hyphens.
    pub fn package(&self) -> &'static str {
        self.file.split('-').next().unwrap_or(self.file)
    }

    /// The package's version.
    pub fn version(&self) -> &'static str {
        self.file.split('-').nth(1).unwrap_or("")
    }

    /// One platform tag, exactly as pip has to be asked for it.
    pub fn platform(&self) -> &'static str {
        let stem = self.file.strip_suffix(".whl").unwrap_or(self.file);
        let tags = stem.rsplit('-').next().unwrap_or(stem);
        tags.split('.').next().unwrap_or(tags)
    }
}

/// What the libraries compute on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// The CPU alone: the smallest set of files
    #[default]
    Cpu,
    /// NVIDIA GPUs as well
    Cuda,
}

/// One of the two things that a set-up brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `libtorch/`, and in the CUDA form `nvidia/`
    Libtorch,
    /// `onnxruntime/`
    OnnxRuntime,
}

/// What is taken from a wheel, and where it goes below `third_party/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Take {
    /// torch's headers and the libraries that need no GPU
    Torch,
    /// torch's headers and all its libraries but those for Python
    TorchCuda,
    /// The one library of CUDA that the CPU's libtorch wants, put beside it
    BesideTorch,
    /// All of CUDA's files, into the folder where libtorch looks for them
    Nvidia,
    /// ONNX Runtime's library
    OnnxRuntime,
    /// ONNX Runtime's library and what it loads to run on CUDA
    OnnxRuntimeCuda,
}

/// Libraries of torch that only Python's side of it uses.
const FOR_PYTHON: [&str; 3] = ["libtorch_python.so", "libtorch_global_deps.so", "libshm.so"];
/// Libraries of torch that need CUDA; `libtorch.so` itself holds nothing but a need of both halves.
const FOR_CUDA: [&str; 6] = [
    "libtorch.so",
    "libtorch_cuda.so",
    "libtorch_cuda_linalg.so",
    "libtorch_nvshmem.so",
    "libc10_cuda.so",
    "libcaffe2_nvrtc.so",
];

impl Take {
    /// Which part of the set-up this belongs to.
    pub fn part(self) -> Part {
        match self {
            Take::Torch | Take::TorchCuda | Take::BesideTorch | Take::Nvidia => Part::Libtorch,
            Take::OnnxRuntime | Take::OnnxRuntimeCuda => Part::OnnxRuntime,
        }
    }

    /// Where a file of the wheel goes, or nothing if it is left out.
    pub fn place(self, name: &str) -> Option<String> {
        let library = |folder: &str| {
            name.strip_prefix(folder)
                .filter(|file| !file.contains('/') && file.contains(".so"))
        };
        match self {
            Take::Torch | Take::TorchCuda => {
                if name.starts_with("torch/include/") {
                    return Some(format!("lib{name}"));
                }
                let file = library("torch/lib/")?;
                let left_out =
                    FOR_PYTHON.contains(&file) || (self == Take::Torch && FOR_CUDA.contains(&file));
                (!left_out).then(|| format!("libtorch/lib/{file}"))
            }
            Take::BesideTorch => {
                let file = library("nvidia/cu13/lib/")?;
                (file.starts_with("libcudart.so") || file.starts_with("libcupti.so"))
                    .then(|| format!("libtorch/lib/{file}"))
            }
            Take::Nvidia => {
                (name.starts_with("nvidia/") && !name.ends_with(".py")).then(|| name.to_owned())
            }
            Take::OnnxRuntime => library("onnxruntime/capi/")
                .filter(|file| file.starts_with("libonnxruntime.so"))
                .map(|file| format!("onnxruntime/{file}")),
            Take::OnnxRuntimeCuda => library("onnxruntime/capi/")
                .filter(|file| file.starts_with("libonnxruntime") && !file.contains("tensorrt"))
                .map(|file| format!("onnxruntime/{file}")),
        }
    }

    /// Symbolic links to make: path below `third_party/` and what it points at.
    pub fn links(self) -> &'static [(&'static str, &'static str)] {
        match self {
            // The linker is asked for `-ltorch` and `-lgomp`.
            Take::Torch => &[
                ("libtorch/lib/libtorch.so", "libtorch_cpu.so"),
                ("libtorch/lib/libgomp.so", "libgomp.so.1"),
            ],
            Take::TorchCuda => &[("libtorch/lib/libgomp.so", "libgomp.so.1")],
            Take::OnnxRuntime | Take::OnnxRuntimeCuda => {
                &[("onnxruntime/libonnxruntime.so", "libonnxruntime.so.1.31.1")]
            }
            Take::BesideTorch | Take::Nvidia => &[],
        }
    }

    /// Small files to write: path below `third_party/` and contents.
    pub fn texts(self) -> &'static [(&'static str, &'static str)] {
        match self {
            // torch-sys compares this with the version that it binds.
            Take::Torch | Take::TorchCuda => &[("libtorch/build-version", LIBTORCH)],
            _ => &[],
        }
    }
}

/// A wheel and what is taken from it.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Where the files are
    pub wheel: Wheel,
    /// Which of them, and where they go
    pub take: Take,
}

/// The wheels for a machine, `os`, `arch` and C library as `std` and `cfg` name them.
///
/// # Errors
/// If nobody publishes them: the message says for which platforms they are, and what to do instead.
pub fn for_platform(os: &str, arch: &str, libc: &str, device: Device) -> Result<Vec<Item>> {
    let table: &[(Take, Wheel)] = match (os, arch, libc, device) {
        ("linux", "x86_64", "gnu", Device::Cpu) => &X86_64_CPU,
        ("linux", "x86_64", "gnu", Device::Cuda) => &X86_64_CUDA,
        ("linux", "aarch64", "gnu", Device::Cpu) => &AARCH64_CPU,
        _ => {
            let (form, platforms) = match device {
                Device::Cpu => ("", "Linux on x86_64 and aarch64, with glibc"),
                Device::Cuda => (" with CUDA", "Linux on x86_64, with glibc"),
            };
            bail!(
                "there are no ready-made libraries{form} for {os} on {arch} ({libc}), only for {platforms}. \
                 Copies of your own do as well: set LIBTORCH to a folder with `lib` and `include` of libtorch \
                 {LIBTORCH} (the `torch` folder of an installed PyTorch is one) and ORT_DYLIB_PATH to an ONNX \
                 Runtime library. What needs no libtorch builds without any set-up: `cargo build`"
            )
        }
    };
    Ok(table
        .iter()
        .map(|&(take, wheel)| Item { wheel, take })
        .collect())
}

const fn wheel(file: &'static str, size: u64, sha256: &'static str) -> Wheel {
    Wheel { file, size, sha256 }
}

const TORCH_X86_64: Wheel = wheel(
    "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl",
    530_604_548,
    "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
);
const CUDART_X86_64: Wheel = wheel(
    "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    2_243_632,
    "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
);
const CUPTI_X86_64: Wheel = wheel(
    "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
    10_715_597,
    "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
);

const X86_64_CPU: [(Take, Wheel); 4] = [
    (Take::Torch, TORCH_X86_64),
    (Take::BesideTorch, CUDART_X86_64),
    (Take::BesideTorch, CUPTI_X86_64),
    (
        Take::OnnxRuntime,
        wheel(
            "onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_x86_64.whl",
            23_753_652,
            "5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f",
        ),
    ),
];

const X86_64_CUDA: [(Take, Wheel); 17] = [
    (Take::TorchCuda, TORCH_X86_64),
    (Take::Nvidia, CUDART_X86_64),
    (Take::Nvidia, CUPTI_X86_64),
    (
        Take::Nvidia,
        wheel(
            "nvidia_cublas-13.1.0.3-py3-none-manylinux_2_27_x86_64.whl",
            423_133_236,
            "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171",
        ),
    ),
    (
        Take::Nvidia,
        wheel(
            "nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
            90_215_200,
            "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
        ),
    ),
    (
        Take::Nvidia,
        wheel(
            "nvidia_cudnn_cu13-9.19.0.56-py3-none-manylinux_2_27_x86_64.whl",
            366_066_321,
            "d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf",
        ),
    ),
    (
        Take::Nvidia,
        wheel(
            "nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
            214_085_489,
            "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3",
        ),
    ),
    (
        Take::Nvidia,
        wheel(
            "nvidia_cufile-1.15.1.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
            1_223_672,
            "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44",
        ),
    ),
    (
        Take::Nvidia,
        wheel(
            "nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl",
            59_544_258,
            "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
        ),
    ),
    (
        Take::Nvidia,
        wheel(
            "nvidia_cusolver-12.0.4.66-py3-none-manylinux_2_27_x86_64.whl",
            200_941_980,
            "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112",
        ),
    ),
    (
        Take::Nvidia,
        wheel(
            "nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
            145_942_937,
            "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b",
        ),
    ),
    (
        Take::Nvidia,
        wheel(
            "nvidia_cusparselt_cu13-0.8.0-py3-none-manylinux2014_x86_64.whl",
            169_884_119,
            "25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd",
        ),
    ),
    (
        Take::Nvidia,
        wheel(
            "nvidia_nccl_cu13-2.28.9-py3-none-manylinux_2_18_x86_64.whl",
            196_493_177,
            "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42",
        ),
    ),
    (
        Take::Nvidia,
        wheel(
            "nvidia_nvjitlink-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
            40_713_933,
            "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b",
        ),
    ),
    (
        Take::Nvidia,
        wheel(
            "nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
            60_412_546,
            "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80",
        ),
    ),
    (
        Take::Nvidia,
        wheel(
            "nvidia_nvtx-13.0.85-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl",
            148_047,
            "4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4",
        ),
    ),
    (
        Take::OnnxRuntimeCuda,
        wheel(
            "onnxruntime_gpu-1.31.1-cp311-cp311-manylinux_2_28_x86_64.whl",
            255_560_985,
            "e26c475fe361b2015f45b4b824bd13f0bb20204e59b62814e6f0acd5f3d491a6",
        ),
    ),
];

const AARCH64_CPU: [(Take, Wheel); 4] = [
    (
        Take::Torch,
        wheel(
            "torch-2.11.0-cp311-cp311-manylinux_2_28_aarch64.whl",
            419_718_178,
            "d91aac77f24082809d2c5a93f52a5f085032740a1ebc9252a7b052ef5a4fddc6",
        ),
    ),
    (
        Take::BesideTorch,
        wheel(
            "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64.whl",
            2_261_060,
            "ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55",
        ),
    ),
    (
        Take::BesideTorch,
        wheel(
            "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_aarch64.whl",
            10_310_827,
            "796bd679890ee55fb14a94629b698b6db54bcfd833d391d5e94017dd9d7d3151",
        ),
    ),
    (
        Take::OnnxRuntime,
        wheel(
            "onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_aarch64.whl",
            21_413_526,
            "da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3",
        ),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_s_name_says_what_to_ask_pip_for() {
        let wheel = CUDART_X86_64;
        assert_eq!(wheel.package(), "nvidia_cuda_runtime");
        assert_eq!(wheel.version(), "13.0.96");
        assert_eq!(wheel.platform(), "manylinux2014_x86_64");
        assert_eq!(TORCH_X86_64.platform(), "manylinux_2_28_x86_64");
    }

    #[test]
    fn the_cpu_takes_headers_and_libraries_that_need_no_gpu() {
        let place = |name| Take::Torch.place(name);
        assert_eq!(
            place("torch/include/ATen/ATen.h").as_deref(),
            Some("libtorch/include/ATen/ATen.h")
        );
        assert_eq!(
            place("torch/lib/libtorch_cpu.so").as_deref(),
            Some("libtorch/lib/libtorch_cpu.so")
        );
        assert_eq!(
            place("torch/lib/libgomp.so.1").as_deref(),
            Some("libtorch/lib/libgomp.so.1")
        );
        for left_out in [
            "torch/lib/libtorch.so",
            "torch/lib/libtorch_cuda.so",
            "torch/lib/libtorch_python.so",
            "torch/lib/libshm/libshm.h",
            "torch/nn/modules/conv.py",
            "torch-2.11.0.dist-info/METADATA",
        ] {
            assert_eq!(place(left_out), None, "{left_out}");
        }
        assert_eq!(
            Take::BesideTorch
                .place("nvidia/cu13/lib/libcupti.so.13")
                .as_deref(),
            Some("libtorch/lib/libcupti.so.13")
        );
        assert_eq!(
            Take::BesideTorch.place("nvidia/cu13/lib/libnvperf_host.so"),
            None
        );
    }

    #[test]
    fn cuda_keeps_the_folders_that_libtorch_looks_in() {
        assert_eq!(
            Take::TorchCuda.place("torch/lib/libtorch.so").as_deref(),
            Some("libtorch/lib/libtorch.so")
        );
        assert_eq!(
            Take::Nvidia
                .place("nvidia/cudnn/lib/libcudnn.so.9")
                .as_deref(),
            Some("nvidia/cudnn/lib/libcudnn.so.9")
        );
        assert_eq!(
            Take::OnnxRuntimeCuda
                .place("onnxruntime/capi/libonnxruntime_providers_cuda.so")
                .as_deref(),
            Some("onnxruntime/libonnxruntime_providers_cuda.so")
        );
        assert_eq!(
            Take::OnnxRuntime.place("onnxruntime/capi/libonnxruntime_providers_shared.so"),
            None
        );
    }

    #[test]
    fn every_table_is_for_the_platform_it_names_and_in_the_versions_above() {
        for (arch, device) in [
            ("x86_64", Device::Cpu),
            ("x86_64", Device::Cuda),
            ("aarch64", Device::Cpu),
        ] {
            let items = for_platform("linux", arch, "gnu", device).expect("published");
            for Item { wheel, take } in items {
                assert!(
                    wheel.file.ends_with(&format!("{arch}.whl")),
                    "{}",
                    wheel.file
                );
                assert_eq!(wheel.sha256.len(), 64, "{}", wheel.file);
                match take {
                    Take::Torch | Take::TorchCuda => assert_eq!(wheel.version(), LIBTORCH),
                    Take::OnnxRuntime | Take::OnnxRuntimeCuda => {
                        assert_eq!(wheel.version(), ONNX_RUNTIME);
                        assert!(take.links()[0].1.ends_with(ONNX_RUNTIME));
                    }
                    Take::BesideTorch | Take::Nvidia => {}
                }
            }
        }
    }

    #[test]
    fn an_unknown_platform_is_told_what_to_do() {
        let error = for_platform("macos", "aarch64", "", Device::Cpu).expect_err("not published");
        let text = error.to_string();
        for word in ["macos", "aarch64", "LIBTORCH", "ORT_DYLIB_PATH"] {
            assert!(text.contains(word), "{text}");
        }
    }
}
