//! Where tensors live, and what torch needs to be told before it starts.
#![allow(unsafe_code)] // Calls into C: see `free_memory`, `keep_memory` and `load_cuda`.

use crate::TrainError;
use tch::{Cuda, Device, Tensor};

/// Reads `auto`, `cpu`, `cuda` or `cuda:N`, and checks that the device is there. `auto` takes the
/// first GPU if there is one.
pub fn parse(name: &str) -> Result<Device, TrainError> {
    let fail = |reason: String| {
        Err(TrainError::Device {
            device: name.into(),
            reason,
        })
    };
    let index = match name {
        "cpu" => return Ok(Device::Cpu),
        "auto" => {
            load_cuda();
            return Ok(Device::cuda_if_available());
        }
        "cuda" => 0,
        other => match other.strip_prefix("cuda:").and_then(|n| n.parse().ok()) {
            Some(index) => index,
            None => return fail("expected auto, cpu, cuda or cuda:N".into()),
        },
    };
    load_cuda();
    if !Cuda::is_available() {
        return fail(
            "libtorch finds no CUDA here. It needs an NVIDIA GPU with its driver, and libtorch \
             with CUDA: run `cargo xtask setup --cuda`, or put the lib folder of a PyTorch 2.11.0 \
             with CUDA on LD_LIBRARY_PATH. `--device cpu` works without"
                .into(),
        );
    }
    match index < Cuda::device_count() as usize {
        true => Ok(Device::Cuda(index)),
        false => fail(format!("there are {} GPUs, 0-based", Cuda::device_count())),
    }
}

/// A device as people write it.
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".into(),
    }
}

/// Sends a small tensor from the host to a device, and does not wait for what the device is doing.
pub fn send(tensor: &Tensor, device: Device) -> Tensor {
    tensor.to_device_(device, tensor.kind(), true, false)
}

/// Bytes that are free on a GPU; nothing for another device, or if CUDA's runtime does not say.
pub fn free_memory(device: Device) -> Option<u64> {
    use libloading::os::unix::Library;
    let Device::Cuda(index) = device else {
        return None;
    };
    let process = Library::this();
    let (mut free, mut total) = (0usize, 0usize);
    // SAFETY: the signatures are those of CUDA's runtime, which is in the process as libtorch
    // links it; both pointers outlive the calls.
    let status = unsafe {
        type SetDevice = unsafe extern "C" fn(libc::c_int) -> libc::c_int;
        type MemGetInfo = unsafe extern "C" fn(*mut usize, *mut usize) -> libc::c_int;
        let set_device = process.get::<SetDevice>(b"cudaSetDevice\0").ok()?;
        let mem_get_info = process.get::<MemGetInfo>(b"cudaMemGetInfo\0").ok()?;
        match set_device(libc::c_int::try_from(index).ok()?) {
            0 => mem_get_info(&mut free, &mut total),
            status => status,
        }
    };
    (status == 0).then_some(free as u64)
}

/// Loads libtorch's CUDA part if it can be found. A build against the CPU's libtorch has CUDA
/// from then on; one against the full libtorch has loaded it already.
fn load_cuda() {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: the library's initialisers register torch's CUDA kernels and do nothing else. The
    // handle is leaked, as those must stay.
    if let Ok(library) = unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) }
    {
        std::mem::forget(library);
    }
}

/// Keeps freed memory in the process instead of handing it back to the system. A training step
/// frees and takes the same hundreds of megabytes each time, and fresh pages cost a third of the
/// time of a step. Must be called before torch takes any memory.
pub fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt only sets the allocator's limits, and no other thread runs yet.
    unsafe {
        // No block is large enough for a mapping of its own: those are given back when freed.
        libc::mallopt(libc::M_MMAP_MAX, 0);
        // -1: never. The largest number, 2 GiB, is less than what a step frees.
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        assert_eq!(parse("cpu").expect("there"), Device::Cpu);
        assert!(parse("auto").is_ok());
        for bad in ["gpu", "cuda:x", "cuda:-1", ""] {
            assert!(parse(bad).expect_err(bad).to_string().contains("cuda:N"));
        }
    }

    #[test]
    fn a_gpu_that_is_not_there_is_an_error() {
        if !tch::Cuda::is_available() {
            let message = parse("cuda").expect_err("no GPU").to_string();
            assert!(message.contains("--device cpu"), "{message}");
            assert_eq!(free_memory(Device::Cuda(0)), None);
        }
    }
}
