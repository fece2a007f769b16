//! Times .onnx files in tract, whoever wrote them, one run of each in turns.

use clap::Parser;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};
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
    /// Print how the time is shared among kinds of nodes instead, and the slowest nodes.
    #[arg(long)]
    nodes: bool,
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
    let Arguments {
        files,
        rounds,
        nodes,
    } = Arguments::parse();
    let mut runs = Vec::new();
    for Given { file, shape } in &files {
        let fact = InferenceFact::dt_shape(f32::datum_type(), shape);
        let model = onnx().model_for_path(file)?.with_input_fact(0, fact)?;
        let size = shape.iter().product();
        let values: Vec<f32> = (0..size).map(|i| (i as f32 * 0.7).sin()).collect();
        let input = Tensor::from_shape(shape, &values)?;
        runs.push((model.into_optimized()?.into_runnable()?, input));
    }
    if nodes {
        for (Given { file, .. }, (model, input)) in files.iter().zip(&runs) {
            println!("{}", file.display());
            print_nodes(model, input, rounds)?;
        }
        return Ok(());
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

/// Prints mean milliseconds a run by kind of node, then the ten slowest nodes with the shape that
/// each gives.
fn print_nodes(
    model: &std::sync::Arc<TypedRunnableModel>,
    input: &Tensor,
    rounds: usize,
) -> TractResult<()> {
    let mut state = model.spawn()?;
    let mut spent = vec![Duration::ZERO; model.model().nodes.len()];
    for _ in 0..rounds {
        let inputs = tvec!(input.clone().into());
        state.run_plan_with_eval(inputs, |context, op_state, node, inputs| {
            let start = Instant::now();
            let outputs = tract_onnx::tract_core::plan::eval(context, op_state, node, inputs);
            spent[node.id] += start.elapsed();
            outputs
        })?;
    }
    let ms = |spent: Duration| spent.as_secs_f64() * 1e3 / rounds as f64;
    let mut kinds = BTreeMap::<String, (usize, Duration)>::new();
    for node in &model.model().nodes {
        let (count, sum) = kinds.entry(node.op.name().into()).or_default();
        *count += 1;
        *sum += spent[node.id];
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, (_, sum))| std::cmp::Reverse(*sum));
    println!("  all            {:8.3} ms", ms(spent.iter().sum()));
    for (kind, (count, sum)) in kinds {
        println!("  {kind:<28} {count:4} nodes {:8.3} ms", ms(sum));
    }
    let mut slowest: Vec<_> = model.model().nodes.iter().collect();
    slowest.sort_by_key(|node| std::cmp::Reverse(spent[node.id]));
    for node in slowest.iter().take(10) {
        let (time, kind) = (ms(spent[node.id]), node.op.name());
        println!(
            "  {time:8.3} ms  {kind:<16} {}  {:?}",
            node.name, node.outputs[0].fact
        );
    }
    Ok(())
}
