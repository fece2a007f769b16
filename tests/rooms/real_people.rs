//! Real recordings, where they lie beside the project.

use crate::binaries::{run, shared};
use aimclr_model::plan::Pooled;
use aimclr_skeleton::{Dataset, Stream};
use aimclr_trainer::data::Cut;
use aimclr_trainer::evaluate::settings::Knn;
use aimclr_trainer::evaluate::{Trial, knn};
use serde_json::Value;
use tch::Device;

#[test]
fn every_real_data_set_is_whole() {
    for (name, samples) in [("uiprmd", 2000), ("mars", 39), ("bandai2", 2902)] {
        let Some(path) = shared(&format!("data/{name}")) else {
            continue;
        };
        let summary = run(
            "aimclr-data",
            &["summary", &path.display().to_string(), "--json"],
        );
        let summary: Value = serde_json::from_str(&summary).expect("JSON");
        assert_eq!(summary["samples"], samples, "{summary}");
    }
}

#[test]
fn random_weights_already_tell_movements_apart() {
    let Some(data) = shared("data/uiprmd") else {
        return;
    };
    tch::set_num_threads(1);
    let dataset = Dataset::open(data).expect("opened");
    let weights = crate::conformance::weights(Stream::Joint, 1, Pooled::Last, false);
    let trial = Trial::new(&dataset, "xsub", &weights, Cut::Whole, Device::Cpu);
    let measured = knn::evaluate(&trial.expect("loaded"), &Knn::default());
    let result = measured.expect("measured").result;
    assert_eq!((result.training, result.samples), (1000, 1000));
    // The released code has 59.2 % with its random weights; chance is 10 %.
    assert!((45.0..75.0).contains(&result.top1), "{}", result.top1);
}
