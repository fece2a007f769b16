//! Training steps a second on random clips: augmentation, both encoders, backward, SGD.

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
use std::time::Instant;
use tch::{Kind, Tensor};

/// Measures the trainer's speed: median over steps, in samples a second.
#[derive(Parser)]
struct Arguments {
    /// Samples in a step.
    #[arg(long, default_value_t = 128)]
    batch: i64,
    /// Bodies in a sample.
    #[arg(long, default_value_t = 1)]
    bodies: i64,
    /// Keys in the queue.
    #[arg(long, default_value_t = 32768)]
    queue: usize,
    /// Steps that count.
    #[arg(long, default_value_t = 10)]
    steps: u64,
    /// Compute in bf16 instead of f32.
    #[arg(long)]
    bf16: bool,
    /// auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Threads of torch.
    #[arg(long, default_value_t = 1)]
    threads: i32,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    device::keep_memory();
    let arguments = Arguments::parse();
    tch::set_num_threads(arguments.threads);
    let device = device::parse(&arguments.device)?;
    let layout = Layout::ntu25();
    let method = Method {
        queue_size: arguments.queue,
        precision: if arguments.bf16 {
            Precision::Bf16
        } else {
            Precision::F32
        },
        ..Method::default()
    };
    let a = graph::adjacency(&layout);
    let mut model = AimClr::new(Plan::paper(25), &a, method, Init::Default, 0, device);
    let augment = Augment::new(Augmentations::default(), &layout, device);
    let streams = Streams::new(Stream::Joint, &layout, device);
    let joints = Tensor::randn(
        [arguments.batch, 3, 50, 25, arguments.bodies],
        (Kind::Float, device),
    );
    let mut times = Vec::new();
    for step in 0..arguments.steps + 2 {
        let began = Instant::now();
        let mut rng = seeds::rng(0, Use::Augment, step);
        let views = Views {
            extreme: streams.of(&augment.extreme(&joints, &mut rng)),
            normal: streams.of(&augment.normal(&joints, &mut rng)),
            key: streams.of(&augment.normal(&joints, &mut rng)),
        };
        let outcome = model.step(&views, Stage::Contrast, 0.01);
        // Fetching the loss waits for the device.
        let _ = outcome.loss.double_value(&[]);
        // The first two steps take memory and compile kernels.
        if step >= 2 {
            times.push(began.elapsed().as_secs_f64());
        }
    }
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    println!(
        "{:.1} samples/s  ({:.1} ms a step, batch {}, {} bodies, queue {}, {} threads, {})",
        arguments.batch as f64 / median,
        1e3 * median,
        arguments.batch,
        arguments.bodies,
        arguments.queue,
        arguments.threads,
        device::name(device)
    );
    Ok(())
}
