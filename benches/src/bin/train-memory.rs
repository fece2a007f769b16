//! Resident memory after each of several epochs of whole training steps on random clips.

use aimclr_model::Plan;
use aimclr_skeleton::{Layout, Stream, graph};
use aimclr_trainer::aimclr::{AimClr, Method, Stage, Views};
use aimclr_trainer::augment::{Augment, Augmentations};
use aimclr_trainer::device;
use aimclr_trainer::encoder::Precision;
use aimclr_trainer::parameters::Init;
use aimclr_trainer::seeds::{self, Use};
use aimclr_trainer::streams::Streams;
use clap::Parser;
use std::process::ExitCode;
use tch::{Device, Kind, Tensor};

/// Most that memory may grow from the second epoch to the last, as a share.
const MOST: f64 = 0.01;

/// Shows that memory stays flat; exits with 1 where it grows by more than 1 % after epoch 2.
#[derive(Parser)]
struct Arguments {
    /// Epochs; stage 2 begins after half of them, and each stage needs two.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(4..))]
    epochs: u64,
    /// Steps in an epoch.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Samples in a step.
    #[arg(long, default_value_t = 32)]
    batch: i64,
    /// Bodies in a sample.
    #[arg(long, default_value_t = 2)]
    bodies: i64,
    /// Compute in bf16 instead of f32.
    #[arg(long)]
    bf16: bool,
    /// Threads of torch.
    #[arg(long, default_value_t = 1)]
    threads: i32,
}

/// Resident memory in MiB, as Linux counts it.
fn resident() -> Result<f64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.ok_or("/proc/self/status has no VmRSS")?;
    Ok(kibibytes.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    device::keep_memory();
    let arguments = Arguments::parse();
    tch::set_num_threads(arguments.threads);
    let layout = Layout::ntu25();
    let method = Method {
        precision: match arguments.bf16 {
            true => Precision::Bf16,
            false => Precision::F32,
        },
        ..Method::default()
    };
    let a = graph::adjacency(&layout);
    let mut model = AimClr::new(Plan::paper(25), &a, method, Init::Default, 0, Device::Cpu);
    let augment = Augment::new(Augmentations::default(), &layout, Device::Cpu);
    let streams = Streams::new(Stream::Joint, &layout, Device::Cpu);
    let shape = [
        arguments.batch * arguments.steps as i64,
        3,
        50,
        25,
        arguments.bodies,
    ];
    let clips = Tensor::randn(shape, (Kind::Float, Device::Cpu));
    let mut memory = Vec::new();
    for epoch in 0..arguments.epochs {
        let stage = match epoch < arguments.epochs / 2 {
            true => Stage::Contrast,
            false => Stage::Mining,
        };
        for batch in 0..arguments.steps {
            let mut rng = seeds::rng(0, Use::Augment, epoch * arguments.steps + batch);
            let joints = clips.narrow(0, batch as i64 * arguments.batch, arguments.batch);
            let views = Views {
                extreme: streams.of(&augment.extreme(&joints, &mut rng)),
                normal: streams.of(&augment.normal(&joints, &mut rng)),
                key: streams.of(&augment.normal(&joints, &mut rng)),
            };
            model.step(&views, stage, 0.01);
        }
        memory.push(resident()?);
        println!(
            "epoch {}  {stage:?}  {:.1} MiB",
            epoch + 1,
            memory[epoch as usize]
        );
    }
    let grown = memory.last().copied().unwrap_or_default() / memory[1] - 1.0;
    println!("{:+.2} % since epoch 2", 100.0 * grown);
    Ok(match grown <= MOST {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
