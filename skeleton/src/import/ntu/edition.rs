//! The two editions of NTU RGB+D: what they hold and how they are divided.

use crate::dataset::{FORMAT, Meta, Split};
use crate::import::Official;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// NTU RGB+D, 60 classes.
    Ntu60,
    /// NTU RGB+D 120.
    Ntu120,
}

/// Names of all classes, in the authors' order; the first 60 are those of [`Edition::Ntu60`].
const CLASSES: &str = include_str!("classes.txt");

/// The samples whose skeletons the authors list as missing, of both editions.
const MISSING: &str = include_str!("missing.txt");

/// Whom xsub trains on; NTU RGB+D has 40 people.
const TRAINING_SUBJECTS: [i64; 53] = [
    1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38, 45, 46, 47, 49, 50,
    52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86, 89, 91, 92, 93, 94, 95,
    97, 98, 100, 103,
];

/// People in NTU RGB+D.
const NTU60_SUBJECTS: i64 = 40;

/// Cameras that xview trains on.
const TRAINING_CAMERAS: [i64; 2] = [2, 3];

/// Setups of NTU RGB+D 120; xset trains on the even ones.
const SETUPS: i64 = 32;

const NTU60_OFFICIAL: [Official; 2] = [
    Official {
        split: "xsub",
        train: 40_091,
        test: 16_487,
        confirmed: true,
    },
    Official {
        split: "xview",
        train: 37_646,
        test: 18_932,
        confirmed: true,
    },
];

const NTU120_OFFICIAL: [Official; 2] = [
    Official {
        split: "xsub",
        train: 63_026,
        test: 50_919,
        confirmed: true,
    },
    Official {
        split: "xset",
        train: 54_468,
        test: 59_477,
        confirmed: true,
    },
];

impl Edition {
    /// Number of classes.
    pub fn actions(self) -> usize {
        match self {
            Self::Ntu60 => 60,
            Self::Ntu120 => 120,
        }
    }

    /// Names of the classes, in the order of their labels.
    pub fn classes(self) -> Vec<String> {
        let names = CLASSES.lines().take(self.actions());
        names.map(str::to_string).collect()
    }

    /// Names of the samples that are left out by default. The list of NTU RGB+D 120 has those of
    /// NTU RGB+D in it.
    pub fn missing() -> impl Iterator<Item = &'static str> {
        MISSING.lines()
    }

    pub(super) fn official(self) -> &'static [Official] {
        match self {
            Self::Ntu60 => &NTU60_OFFICIAL,
            Self::Ntu120 => &NTU120_OFFICIAL,
        }
    }

    pub(super) fn meta(self, bodies: usize) -> Meta {
        let (name, citation, subjects, other) = match self {
            Self::Ntu60 => (
                "NTU RGB+D",
                "Shahroudy, Liu, Ng, Wang: NTU RGB+D: A Large Scale Dataset for 3D Human Activity \
                 Analysis, CVPR 2016",
                NTU60_SUBJECTS,
                ("xview", Split::by_train("camera", TRAINING_CAMERAS)),
            ),
            Self::Ntu120 => (
                "NTU RGB+D 120",
                "Liu, Shahroudy, Perez, Wang, Duan, Kot: NTU RGB+D 120: A Large-Scale Benchmark \
                 for 3D Human Activity Understanding, TPAMI 2019",
                i64::MAX,
                ("xset", Split::by_train("setup", (2..=SETUPS).step_by(2))),
            ),
        };
        let train = TRAINING_SUBJECTS.into_iter().filter(|s| *s <= subjects);
        let xsub = ("xsub", Split::by_train("subject", train));
        Meta {
            format: FORMAT.into(),
            name: name.into(),
            license: "LicenseRef-NTU-RGBD".into(),
            citation: citation.into(),
            units: "metre".into(),
            fps: super::FPS,
            layout: "ntu25".into(),
            bodies,
            classes: self.classes(),
            splits: [xsub, other]
                .map(|(name, split)| (name.to_string(), split))
                .into(),
        }
    }
}
