//! The colours of every picture.

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colour(pub [u8; 3]);

/// Background.
pub const PAPER: Colour = Colour([0xFB, 0xFB, 0xF8]);
/// Text.
pub const INK: Colour = Colour([0x22, 0x2B, 0x38]);
/// Text of less weight.
pub const MUTED: Colour = Colour([0x7C, 0x85, 0x90]);
/// Left arm and leg. This and [`RIGHT`] differ for all common kinds of colour blindness
/// (after Okabe and Ito), and in lightness as well.
pub const LEFT: Colour = Colour([0x1B, 0x6F, 0xB3]);
/// Right arm and leg.
pub const RIGHT: Colour = Colour([0xE6, 0x8A, 0x1F]);
/// Spine and head.
pub const TRUNK: Colour = Colour([0x47, 0x52, 0x63]);
/// The area between shoulders and hips.
pub const TORSO: Colour = Colour([0xC9, 0xD0, 0xD9]);
/// Lines on the floor.
pub const GRID: Colour = Colour([0xE6, 0xE6, 0xE0]);
/// What lies under a body, and the empty part of a bar.
pub const SHADOW: Colour = Colour([0xDA, 0xDA, 0xD3]);
/// What matters: the filled part of a bar, a recognised action.
pub const ACCENT: Colour = Colour([0x00, 0x8F, 0x72]);

const ALL: [Colour; 10] = [
    PAPER, INK, MUTED, LEFT, RIGHT, TRUNK, TORSO, GRID, SHADOW, ACCENT,
];

impl Colour {
    /// From this colour (share 0) to `other` (share 1).
    pub fn towards(self, other: Self, share: f32) -> Self {
        let mix = |i: usize| {
            let (a, b) = (f32::from(self.0[i]), f32::from(other.0[i]));
            (a + (b - a) * share.clamp(0.0, 1.0)).round() as u8
        };
        Self([mix(0), mix(1), mix(2)])
    }
}

/// At most 255 colours that stand for all that pictures are made of: the ones above, and what
/// smooth edges between them need.
pub(super) struct Palette {
    colours: Vec<Colour>,
    /// Nearest colour for each of 64³ cells of the colour cube, where it was asked for already.
    nearest: Vec<Option<u8>>,
}

impl Palette {
    pub(super) fn new() -> Self {
        let mut colours = ALL.to_vec();
        let mut ramp = |a: Colour, b: Colour, steps: usize| {
            let between = (1..steps).map(|i| a.towards(b, i as f32 / steps as f32));
            colours.extend(between);
        };
        for colour in &ALL[1..] {
            ramp(PAPER, *colour, 8);
        }
        for (i, a) in [LEFT, RIGHT, TRUNK, TORSO].into_iter().enumerate() {
            for b in [LEFT, RIGHT, TRUNK, TORSO].into_iter().skip(i + 1) {
                ramp(a, b, 4);
            }
        }
        ramp(SHADOW, ACCENT, 4);
        ramp(SHADOW, MUTED, 4);
        colours.sort_unstable_by_key(|c| c.0);
        colours.dedup();
        Self {
            colours,
            nearest: vec![None; 1 << 18],
        }
    }

    pub(super) fn colours(&self) -> &[Colour] {
        &self.colours
    }

    /// Index of the colour that looks most like `rgb`.
    pub(super) fn index(&mut self, rgb: [u8; 3]) -> u8 {
        let cell = rgb.iter().fold(0, |c, x| c << 6 | usize::from(x >> 2));
        if let Some(index) = self.nearest[cell] {
            return index;
        }
        // Green counts most and blue least, roughly as eyes have it.
        let far = |colour: &Colour| -> i32 {
            let weighted = colour.0.iter().zip(rgb).zip([3, 6, 2]);
            weighted
                .map(|((a, b), w)| w * (i32::from(*a) - i32::from(b)).pow(2))
                .sum()
        };
        let found = self.colours.iter().enumerate().min_by_key(|(_, c)| far(c));
        let index = found.map_or(0, |(i, _)| i as u8);
        self.nearest[cell] = Some(index);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_palette_is_small_and_has_every_colour() {
        let mut palette = Palette::new();
        assert!(palette.colours().len() < 128, "{}", palette.colours().len());
        for colour in ALL {
            let index = palette.index(colour.0);
            let found = palette.colours()[usize::from(index)];
            let far = (0..3).map(|i| found.0[i].abs_diff(colour.0[i])).max();
            assert!(far < Some(4), "{colour:?}: {found:?}");
        }
    }
}
