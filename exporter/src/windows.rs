//! Windows to try a model on: some as people move, some as no one should.

use crate::samples::Samples;
use aimclr_model::Card;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Windows of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What they are, for a table.
    pub name: &'static str,
    /// N.
    pub n: usize,
    /// M.
    pub m: usize,
    /// Shape (N, M, T, V, 3), raw, metres.
    pub data: Vec<f32>,
}

impl Case {
    /// Recorded people: windows of a data set, of more than `limit` some, evenly taken.
    pub fn recorded(samples: &Samples, limit: usize) -> Self {
        let size = samples.data.len() / samples.count.max(1);
        let n = samples.count.min(limit);
        let window = |i: usize| &samples.data[i * samples.count / n * size..][..size];
        Self {
            name: "recorded people",
            n,
            m: samples.bodies,
            data: (0..n).flat_map(window).copied().collect(),
        }
    }

    /// The bodies that are there, each of shape (T, V, 3).
    pub fn bodies(&self) -> impl Iterator<Item = &[f32]> {
        let size = self.data.len() / (self.n * self.m).max(1);
        let bodies = self.data.chunks_exact(size.max(1));
        bodies.filter(|body| body.iter().any(|x| *x != 0.0))
    }
}

/// Windows of every kind that fits the card, the same for the same seed.
pub fn cases(card: &Card, seed: u64) -> Vec<Case> {
    let mut maker = Maker {
        frames: card.frames,
        joints: card.layout.len(),
        random: ChaCha8Rng::seed_from_u64(seed),
    };
    let mut cases = vec![
        maker.case("one body", 1, 1, Maker::walk),
        maker.case("seven windows", 7, 1, Maker::walk),
        maker.case("constant pose", 1, 1, Maker::still),
        maker.case("1 km away", 1, 1, Maker::far),
        maker.case("lost joints", 1, 1, Maker::lost),
        maker.case("violent", 1, 1, Maker::violent),
        maker.case("comes and goes", 1, 1, Maker::passing),
        maker.case("nobody", 1, 1, Maker::absent),
    ];
    if card.bodies > 1 {
        let mut second_absent = maker.case("two bodies, one absent", 1, 2, Maker::walk);
        let body = second_absent.data.len() / 2;
        second_absent.data[body..].fill(0.0);
        cases.extend([
            maker.case("two bodies", 1, 2, Maker::walk),
            second_absent,
            maker.case("seven windows, two bodies", 7, 2, Maker::walk),
        ]);
    }
    cases
}

struct Maker {
    frames: usize,
    joints: usize,
    random: ChaCha8Rng,
}

impl Maker {
    fn case(
        &mut self,
        name: &'static str,
        n: usize,
        m: usize,
        body: fn(&mut Self) -> Vec<f32>,
    ) -> Case {
        let data = (0..n * m).flat_map(|_| body(self)).collect();
        Case { name, n, m, data }
    }

    /// A cloud of joints three metres away, each on a random walk of a few centimetres a frame.
    fn walk(&mut self) -> Vec<f32> {
        self.cloud([0.0, 1.0, 3.0], 0.5, 0.03)
    }

    /// Nothing moves: no difference between frames, and one depth sum of equal terms.
    fn still(&mut self) -> Vec<f32> {
        self.cloud([0.3, 1.0, 2.5], 0.5, 0.0)
    }

    /// A kilometre from the origin, where f32 has hardly a tenth of a millimetre.
    fn far(&mut self) -> Vec<f32> {
        self.cloud([600.0, -40.0, 800.0], 0.5, 0.03)
    }

    /// One joint in ten not seen, which is told as zeros.
    fn lost(&mut self) -> Vec<f32> {
        let mut data = self.walk();
        for joint in data.chunks_exact_mut(3) {
            if self.random.random_bool(0.1) {
                joint.fill(0.0);
            }
        }
        data
    }

    /// Metres from frame to frame, as a broken tracker gives them.
    fn violent(&mut self) -> Vec<f32> {
        self.cloud([0.0, 1.0, 3.0], 2.0, 1.5)
    }

    /// Not there in the first and the last frames.
    fn passing(&mut self) -> Vec<f32> {
        let mut data = self.walk();
        let size = data.len();
        data[..size / 3].fill(0.0);
        data[size - size / 5..].fill(0.0);
        data
    }

    /// All zeros.
    fn absent(&mut self) -> Vec<f32> {
        vec![0.0; self.frames * self.joints * 3]
    }

    fn cloud(&mut self, centre: [f32; 3], size: f32, step: f32) -> Vec<f32> {
        let mut around = |size: f32| size * self.random.random_range(-1.0f32..=1.0);
        let mut joints: Vec<f32> = (0..self.joints * 3)
            .map(|i| centre[i % 3] + around(size))
            .collect();
        let mut data = Vec::with_capacity(self.frames * joints.len());
        for _ in 0..self.frames {
            data.extend_from_slice(&joints);
            joints.iter_mut().for_each(|x| *x += around(step));
        }
        data
    }
}
