//! Training steps a second on random clips: augmentation, both encoders, losses, backward, SGD.

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
use std::io::BufRead;
use std::time::Instant;
use tch::{Kind, Tensor};

/// Measures the trainer's speed: median over blocks of steps, in samples a second.
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
    /// 1 contrasts with the key, 2 with mined neighbours, too.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    stage: u8,
    /// Steps in a block.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Blocks that count.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    blocks: u64,
    /// Compute in bf16 instead of f32.
    #[arg(long)]
    bf16: bool,
    /// auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Threads of torch.
    #[arg(long, default_value_t = 1)]
    threads: i32,
    /// Print one JSON object a block, {"seconds": of a step}, instead of text.
    #[arg(long)]
    json: bool,
    /// Begin each block when a line arrives on stdin, until stdin ends; implies --json.
    #[arg(long)]
    paced: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    device::keep_memory();
    let arguments = Arguments::parse();
    tch::set_num_threads(arguments.threads);
    let device = device::parse(&arguments.device)?;
    let layout = Layout::ntu25();
    let method = Method {
        queue_size: arguments.queue,
        precision: match arguments.bf16 {
            true => Precision::Bf16,
            false => Precision::F32,
        },
        ..Method::default()
    };
    let stage = match arguments.stage {
        1 => Stage::Contrast,
        _ => Stage::Mining,
    };
    let a = graph::adjacency(&layout);
    let mut model = AimClr::new(Plan::paper(25), &a, method, Init::Default, 0, device);
    let augment = Augment::new(Augmentations::default(), &layout, device);
    let streams = Streams::new(Stream::Joint, &layout, device);
    let joints = Tensor::randn(
        [arguments.batch, 3, 50, 25, arguments.bodies],
        (Kind::Float, device),
    );
    let mut step = 0;
    // Seconds a step.
    let mut block = |steps: u64| {
        let began = Instant::now();
        for _ in 0..steps {
            let mut rng = seeds::rng(0, Use::Augment, step);
            let views = Views {
                extreme: streams.of(&augment.extreme(&joints, &mut rng)),
                normal: streams.of(&augment.normal(&joints, &mut rng)),
                key: streams.of(&augment.normal(&joints, &mut rng)),
            };
            let outcome = model.step(&views, stage, 0.01);
            // Fetching the loss waits for the device.
            let loss = outcome.loss.double_value(&[]);
            assert!(loss.is_finite(), "the loss is {loss}");
            step += 1;
        }
        began.elapsed().as_secs_f64() / steps as f64
    };
    // The first steps take memory and compile kernels.
    block(2);
    let tell = |seconds: f64| println!("{{\"seconds\": {seconds}}}");
    if arguments.paced {
        println!("ready");
        for line in std::io::stdin().lock().lines() {
            line?;
            tell(block(arguments.steps));
        }
        return Ok(());
    }
    let mut times: Vec<f64> = (0..arguments.blocks)
        .map(|_| block(arguments.steps))
        .collect();
    if arguments.json {
        times.into_iter().for_each(tell);
        return Ok(());
    }
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    println!(
        "{:.1} samples/s  ({:.1} ms a step, batch {}, {} bodies, queue {}, stage {}, {} threads, {})",
        arguments.batch as f64 / median,
        1e3 * median,
        arguments.batch,
        arguments.bodies,
        arguments.queue,
        arguments.stage,
        arguments.threads,
        device::name(device)
    );
    Ok(())
}
