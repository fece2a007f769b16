//! A skeleton sequence in memory.

/// Numbers of a joint: x, y, z, or x, y, confidence in a 2D layout.
pub const CHANNELS: usize = 3;

/// Bodies over time, shape (T, M, V, 3), C order, metres. A body that is absent in a frame is all
/// zeros there.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    /// T.
    pub frames: usize,
    /// M.
    pub bodies: usize,
    /// V.
    pub joints: usize,
    /// T·M·V·3 values.
    pub data: Vec<f32>,
}

/// A [`Sequence`] that lies elsewhere, for instance in a memory-mapped file.
#[derive(Debug, Clone, Copy)]
pub struct SequenceRef<'a> {
    /// T.
    pub frames: usize,
    /// M.
    pub bodies: usize,
    /// V.
    pub joints: usize,
    /// T·M·V·3 values.
    pub data: &'a [f32],
}

impl Sequence {
    /// A sequence of nobody: all zeros.
    pub fn zeros(frames: usize, bodies: usize, joints: usize) -> Self {
        Self {
            frames,
            bodies,
            joints,
            data: vec![0.0; frames * bodies * joints * CHANNELS],
        }
    }

    /// The same sequence, borrowed.
    pub fn view(&self) -> SequenceRef<'_> {
        let &Self {
            frames,
            bodies,
            joints,
            ..
        } = self;
        SequenceRef {
            frames,
            bodies,
            joints,
            data: &self.data,
        }
    }

    /// Where joint `v` of body `m` in frame `t` starts in `data`.
    pub fn at(&self, t: usize, m: usize, v: usize) -> usize {
        ((t * self.bodies + m) * self.joints + v) * CHANNELS
    }

    /// x, y, z of one joint.
    pub fn joint(&self, t: usize, m: usize, v: usize) -> [f32; 3] {
        self.view().joint(t, m, v)
    }

    /// Appends the first `bodies` bodies in the order of the engines' input: (T, M, V, 3) to
    /// (M, T, V, 3).
    pub fn bodies_first(&self, bodies: usize, data: &mut Vec<f32>) {
        let body = self.joints * CHANNELS;
        for m in 0..bodies {
            for t in 0..self.frames {
                data.extend_from_slice(&self.data[self.at(t, m, 0)..][..body]);
            }
        }
    }

    /// Sets x, y, z of one joint.
    pub fn set_joint(&mut self, t: usize, m: usize, v: usize, position: [f32; 3]) {
        let at = self.at(t, m, v);
        self.data[at..at + CHANNELS].copy_from_slice(&position);
    }
}

impl<'a> SequenceRef<'a> {
    /// x, y, z of one joint.
    pub fn joint(&self, t: usize, m: usize, v: usize) -> [f32; 3] {
        let at = ((t * self.bodies + m) * self.joints + v) * CHANNELS;
        [self.data[at], self.data[at + 1], self.data[at + 2]]
    }

    /// The frames of `range`, without copying.
    pub fn slice(&self, range: std::ops::Range<usize>) -> SequenceRef<'a> {
        let frame = self.bodies * self.joints * CHANNELS;
        SequenceRef {
            frames: range.len(),
            data: &self.data[range.start * frame..range.end * frame],
            ..*self
        }
    }

    /// True where every joint of body `m` in frame `t` is at the origin.
    pub fn is_absent(&self, t: usize, m: usize) -> bool {
        let body = self.joints * CHANNELS;
        self.data[(t * self.bodies + m) * body..][..body]
            .iter()
            .all(|x| *x == 0.0)
    }

    /// A copy of its own.
    pub fn to_owned(&self) -> Sequence {
        let &SequenceRef {
            frames,
            bodies,
            joints,
            data,
        } = self;
        Sequence {
            frames,
            bodies,
            joints,
            data: data.to_vec(),
        }
    }
}
