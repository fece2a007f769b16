//! Times .onnx files in tract, whoever wrote them, one run of each in turns.

use clap::Parser;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Instant;
use tract_onnx::prelude::*;

/// Runs each file once a round in tract, one thread, and prints the milliseconds of every round, a
/// list for each file, as JSON. All stay in memory and take turns, so that a neighbour's load weighs on
/// all alike.
#[derive(Parser)]
struct Arguments {
    /// A file and the shape of its first input: model.onnx=1,1,50,25,3
    #[arg(required = true, value_name = "FILE=SHAPE")]
    files: Vec<Given>,
    /// Timed runs of each file; a tenth of them more go before.
    #[arg(long, default_value_t = 100)]
    rounds: usize,
}

#[derive(Clone)]
struct Given {
    file: PathBuf,
    shape: Vec<usize>,
}

impl FromStr for Given {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (file, shape) = text.rsplit_once('=').ok_or("expected FILE=SHAPE")?;
        let sizes = shape.split(',').map(|size| size.parse::<usize>());
        Ok(Self {
            file: file.into(),
            shape: sizes.collect::<Result<_, _>>().map_err(|e| e.to_string())?,
        })
    }
}

fn main() -> TractResult<()> {
    let Arguments { files, rounds } = Arguments::parse();
    let mut runs = Vec::new();
    for Given { file, shape } in &files {
        let fact = InferenceFact::dt_shape(f32::datum_type(), shape);
        let model = onnx().model_for_path(file)?.with_input_fact(0, fact)?;
        let size = shape.iter().product();
        let values: Vec<f32> = (0..size).map(|i| (i as f32 * 0.7).sin()).collect();
        let input = Tensor::from_shape(shape, &values)?;
        runs.push((model.into_optimized()?.into_runnable()?, input));
    }
    let warm_up = rounds.div_ceil(10);
    let mut times = vec![Vec::with_capacity(rounds); runs.len()];
    for round in 0..warm_up + rounds {
        for ((model, input), times) in runs.iter().zip(&mut times) {
            let start = Instant::now();
            model.run(tvec!(input.clone().into()))?;
            if round >= warm_up {
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    // A list of lists of numbers is written alike in Rust and in JSON.
    println!("{times:?}");
    Ok(())
}
