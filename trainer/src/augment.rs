//! AimCLR's augmentations, a batch at a time, on the device.
//!
//! Parameters are drawn on the CPU, a few numbers a sample, from a seeded stream; the operations
//! take them as tensors, so that a sample that an operation is not drawn for has parameters that
//! change nothing. Noise alone is drawn on the device.
//!
//! Of 2D joints (x, y, confidence) only x and y are changed, within the picture's plane, and only
//! where a joint was seen.

use crate::device;
use aimclr_skeleton::Layout;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Which set of augmentations makes the extreme view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// 1 to 5 as in the released code's last state: a blur with a gain, positive angles only.
    Released,
    /// The released ones and the temporal flip, as the paper lists them.
    Paper,
    /// 1 to 5 with a blur of gain 1 and angles of both signs.
    Corrected,
}

/// Share of the frames that is mirrored on each side before cropping: T / 6.
const PADDING: i64 = 6;
/// Largest angle about the other axes than the main one, in degrees.
const MINOR_ANGLE: f64 = 1.0;
/// Standard deviation of the noise, in metres.
const NOISE: f64 = 0.01;
/// Taps of the blur, and the range of its sigma in frames.
const BLUR_TAPS: i64 = 15;
const BLUR_SIGMA: (f64, f64) = (0.1, 2.0);
/// How often an operation that is not always on is drawn.
const OFTEN: f64 = 0.5;

/// What is done to views, and how strongly. The defaults are the released code's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augmentations {
    /// Which make the extreme view.
    pub preset: Preset,
    /// Whether the extreme view may have left and right swapped.
    pub spatial_flip: bool,
    /// Largest off-diagonal element of a shear, in both views.
    pub shear: f64,
    /// Largest angle about the extreme view's main axis, in degrees.
    pub rotation: f64,
}

impl Default for Augmentations {
    fn default() -> Self {
        Self {
            preset: Preset::Released,
            spatial_flip: true,
            shear: 0.5,
            rotation: 30.0,
        }
    }
}

/// Makes views of batches.
pub struct Augment {
    chosen: Augmentations,
    /// For each joint the one on the other side.
    mirror: Tensor,
    /// 2 where the channels are x, y and confidence.
    dimensions: u8,
    device: Device,
}

/// Drawn parameters of the normal augmentation, for N samples.
#[derive(Debug, Clone)]
pub struct NormalDraws {
    /// First frame of the crop in the mirrored sequence, 0 to 2·(T/6).
    pub crop: Vec<i64>,
    /// Shear matrices, row by row.
    pub shear: Vec<[f64; 9]>,
}

/// Drawn parameters of what the extreme augmentation adds.
#[derive(Debug, Clone)]
pub struct ExtremeDraws {
    /// Whether left and right change places.
    pub spatial_flip: Vec<bool>,
    /// Angles about x, y and z in degrees.
    pub rotate: Vec<[f64; 3]>,
    /// Whether noise is added.
    pub noise: Vec<bool>,
    /// Sigma of the blur, if it is applied.
    pub blur: Vec<Option<f64>>,
    /// Axis that is set to 0, if one is.
    pub axis_mask: Vec<Option<usize>>,
    /// Whether time runs backwards.
    pub temporal_flip: Vec<bool>,
}

impl NormalDraws {
    /// Draws for `samples` sequences of `frames` frames, shears up to `shear`.
    pub fn draw(
        rng: &mut impl Rng,
        samples: usize,
        frames: i64,
        shear: f64,
        dimensions: u8,
    ) -> Self {
        let mut draws = Self {
            crop: Vec::new(),
            shear: Vec::new(),
        };
        for _ in 0..samples {
            draws
                .crop
                .push(rng.random_range(0..=2 * (frames / PADDING)));
            let mut s = || rng.random_range(-shear..=shear);
            draws.shear.push(match dimensions {
                2 => [1.0, s(), 0.0, s(), 1.0, 0.0, 0.0, 0.0, 1.0],
                _ => [1.0, s(), s(), s(), 1.0, s(), s(), s(), 1.0],
            });
        }
        draws
    }
}

impl ExtremeDraws {
    /// Draws for `samples` sequences.
    pub fn draw(
        rng: &mut impl Rng,
        samples: usize,
        chosen: &Augmentations,
        dimensions: u8,
    ) -> Self {
        let mut draws = Self {
            spatial_flip: Vec::new(),
            rotate: Vec::new(),
            noise: Vec::new(),
            blur: Vec::new(),
            axis_mask: Vec::new(),
            temporal_flip: Vec::new(),
        };
        for _ in 0..samples {
            draws.spatial_flip.push(rng.random_bool(OFTEN));
            // In the picture's plane there is one axis to turn about.
            let main = match dimensions {
                2 => 2,
                _ => rng.random_range(0..3),
            };
            draws.rotate.push(std::array::from_fn(|axis| {
                let most = match axis == main {
                    true => chosen.rotation,
                    false if dimensions == 2 => return 0.0,
                    false => MINOR_ANGLE.min(chosen.rotation),
                };
                match chosen.preset {
                    Preset::Corrected => rng.random_range(-most..=most),
                    _ => rng.random_range(0.0..=most),
                }
            }));
            draws.noise.push(rng.random_bool(OFTEN));
            let sigma = rng.random_range(BLUR_SIGMA.0..=BLUR_SIGMA.1);
            draws.blur.push(rng.random_bool(OFTEN).then_some(sigma));
            let axis = rng.random_range(0..usize::from(dimensions));
            draws.axis_mask.push(rng.random_bool(OFTEN).then_some(axis));
            let flip = rng.random_bool(OFTEN);
            draws
                .temporal_flip
                .push(flip && chosen.preset == Preset::Paper);
        }
        draws
    }
}

impl Augment {
    /// For sequences of a layout on a device.
    pub fn new(chosen: Augmentations, layout: &Layout, device: Device) -> Self {
        let mirror: Vec<i64> = layout.mirror().into_iter().map(|v| v as i64).collect();
        Self {
            chosen,
            mirror: Tensor::from_slice(&mirror).to_device(device),
            dimensions: layout.dimensions,
            device,
        }
    }

    /// T, the normal view of `joints`, shape (N, 3, T, V, M): crop and shear.
    pub fn normal(&self, joints: &Tensor, rng: &mut impl Rng) -> Tensor {
        let size = joints.size();
        let draws = NormalDraws::draw(
            rng,
            size[0] as usize,
            size[2],
            self.chosen.shear,
            self.dimensions,
        );
        self.shear(&self.crop(joints, &draws.crop), &draws.shear)
    }

    /// T′, the extreme view: the normal one, then operations 1 to 6.
    pub fn extreme(&self, joints: &Tensor, rng: &mut impl Rng) -> Tensor {
        let x = self.normal(joints, rng);
        let draws = ExtremeDraws::draw(
            rng,
            joints.size()[0] as usize,
            &self.chosen,
            self.dimensions,
        );
        let x = match self.chosen.spatial_flip {
            true => self.spatial_flip(&x, &draws.spatial_flip),
            false => x,
        };
        let x = self.rotate(&x, &draws.rotate);
        let x = self.noise(&x, &draws.noise, &(x.randn_like() * NOISE));
        let x = self.blur(&x, &draws.blur);
        let x = self.axis_mask(&x, &draws.axis_mask);
        match self.chosen.preset {
            Preset::Paper => self.temporal_flip(&x, &draws.temporal_flip),
            _ => x,
        }
    }

    /// Mirrors T/6 frames on each side, the edge frame included, and takes T frames from `start`.
    pub fn crop(&self, x: &Tensor, start: &[i64]) -> Tensor {
        let frames = x.size()[2];
        let padding = frames / PADDING;
        let source = |start: &i64| {
            let start = start - padding;
            (0..frames).map(move |t| match start + t {
                t if t < 0 => -1 - t,
                t if t >= frames => 2 * frames - 1 - t,
                t => t,
            })
        };
        let order: Vec<i64> = start.iter().flat_map(source).collect();
        self.reorder_time(x, &order)
    }

    /// p′ = R p with a matrix for each sample.
    pub fn shear(&self, x: &Tensor, matrices: &[[f64; 9]]) -> Tensor {
        let flat: Vec<f32> = matrices.iter().flatten().map(|m| *m as f32).collect();
        let matrices = self.tensor(&flat).view([-1, 3, 3]);
        let size = x.size();
        self.moved(x, matrices.bmm(&x.reshape([size[0], 3, -1])).view_as(x))
    }

    /// `moved`, made of `x`; in 2D with the confidences of `x`, and only where joints were seen.
    fn moved(&self, x: &Tensor, moved: Tensor) -> Tensor {
        if self.dimensions == 3 {
            return moved;
        }
        let confidence = x.narrow(1, 2, 1);
        let seen = confidence.gt(0.0).to_kind(Kind::Float);
        Tensor::cat(&[moved.narrow(1, 0, 2) * seen, confidence], 1)
    }

    /// Left and right joints change places; coordinates stay.
    pub fn spatial_flip(&self, x: &Tensor, on: &[bool]) -> Tensor {
        x.index_select(3, &self.mirror)
            .where_self(&self.each(on), x)
    }

    /// Turns about x, then y, then z, by angles in degrees.
    pub fn rotate(&self, x: &Tensor, angles: &[[f64; 3]]) -> Tensor {
        let matrices: Vec<[f64; 9]> = angles.iter().map(rotation).collect();
        self.shear(x, &matrices)
    }

    /// Adds `noise`, shaped like `x`.
    pub fn noise(&self, x: &Tensor, on: &[bool], noise: &Tensor) -> Tensor {
        self.moved(x, x + noise * self.each(on).to_kind(Kind::Float))
    }

    /// Gaussian blur over time, zero padding. The kernel is not normalised, but in the corrected
    /// preset.
    pub fn blur(&self, x: &Tensor, sigma: &[Option<f64>]) -> Tensor {
        let size = x.size();
        let (frames, radius) = (size[2], BLUR_TAPS / 2);
        // The blur as a product with a (T, T) matrix for each sample. With this sigma it is the
        // identity: nothing but the middle tap is above 0.
        let off = 1e-3;
        let sigma: Vec<f32> = sigma.iter().map(|s| s.unwrap_or(off) as f32).collect();
        let sigma = self.tensor(&sigma).view([-1, 1, 1]);
        let taps = |offset: &Tensor| (offset.square() / (sigma.square() * -2.0)).exp();
        let range = |from: i64, to: i64| Tensor::arange_start(from, to, (Kind::Float, self.device));
        let frame = range(0, frames);
        let offset = frame.unsqueeze(0) - frame.unsqueeze(1);
        let near = offset.abs().le(radius as f64).to_kind(Kind::Float);
        let mut matrices = taps(&offset) * near;
        if self.chosen.preset == Preset::Corrected {
            matrices /= taps(&range(-radius, radius + 1)).sum_dim_intlist(
                [2i64].as_slice(),
                true,
                Kind::Float,
            );
        }
        let blurred = matrices
            .unsqueeze(1)
            .matmul(&x.reshape([size[0], 3, frames, -1]))
            .view_as(x);
        self.moved(x, blurred)
    }

    /// Sets one axis to 0.
    pub fn axis_mask(&self, x: &Tensor, axis: &[Option<usize>]) -> Tensor {
        let keep = |axis: &Option<usize>| {
            let axis = *axis;
            (0..3).map(move |c| f32::from(u8::from(Some(c) != axis)))
        };
        let keep: Vec<f32> = axis.iter().flat_map(keep).collect();
        x * self.tensor(&keep).view([-1, 3, 1, 1, 1])
    }

    /// Time runs backwards.
    pub fn temporal_flip(&self, x: &Tensor, on: &[bool]) -> Tensor {
        x.flip([2]).where_self(&self.each(on), x)
    }

    /// Frame t of each sample becomes its frame `order[sample · T + t]`.
    fn reorder_time(&self, x: &Tensor, order: &[i64]) -> Tensor {
        let size = x.size();
        let order = device::send(&Tensor::from_slice(order), self.device);
        let order = order.view([-1, 1, size[2], 1, 1]);
        x.gather(2, &order.expand_as(x), false)
    }

    fn tensor(&self, values: &[f32]) -> Tensor {
        device::send(&Tensor::from_slice(values), self.device)
    }

    /// A condition for each sample, to be broadcast.
    fn each(&self, on: &[bool]) -> Tensor {
        device::send(&Tensor::from_slice(on), self.device).view([-1, 1, 1, 1, 1])
    }
}

/// R_z · R_y · R_x, row by row, in the released code's sense of turning.
fn rotation(degrees: &[f64; 3]) -> [f64; 9] {
    let [(sx, cx), (sy, cy), (sz, cz)] = degrees.map(|a| a.to_radians().sin_cos());
    let x = [[1.0, 0.0, 0.0], [0.0, cx, sx], [0.0, -sx, cx]];
    let y = [[cy, 0.0, -sy], [0.0, 1.0, 0.0], [sy, 0.0, cy]];
    let z = [[cz, sz, 0.0], [-sz, cz, 0.0], [0.0, 0.0, 1.0]];
    let product = |a: [[f64; 3]; 3], b: [[f64; 3]; 3]| -> [[f64; 3]; 3] {
        std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
    };
    let all = product(z, product(y, x));
    std::array::from_fn(|i| all[i / 3][i % 3])
}
