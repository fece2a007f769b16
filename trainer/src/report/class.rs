//! Colours and marks by which classes are told apart.

use aimclr_skeleton::draw::Colour;

/// Classes that each get a colour of their own; more share them and differ by their mark.
const COLOURS: [Colour; 10] = [
    Colour([0x2B, 0x7B, 0xBA]),
    Colour([0xE0, 0x81, 0x1B]),
    Colour([0x2A, 0x9D, 0x5C]),
    Colour([0xD1, 0x49, 0x4B]),
    Colour([0x8A, 0x63, 0xBE]),
    Colour([0x8F, 0x63, 0x4E]),
    Colour([0xD7, 0x6F, 0xB8]),
    Colour([0x7A, 0x82, 0x8C]),
    Colour([0xA9, 0xA1, 0x20]),
    Colour([0x1F, 0xAE, 0xC0]),
];

/// Most classes that are told apart one by one; beyond, neighbours share a hue.
pub const NAMED: usize = 40;
/// Classes that share a hue then.
pub const GROUP: usize = 10;

/// The form of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// A disc.
    Disc,
    /// A square on its side.
    Square,
    /// A triangle on its side.
    Triangle,
    /// A square on its corner.
    Diamond,
}

const FORMS: [Form; 4] = [Form::Disc, Form::Square, Form::Triangle, Form::Diamond];

/// Colour and mark of a class among so many. All colours are of middling lightness, so that they
/// show on light and on dark.
pub fn look(class: usize, classes: usize) -> (Colour, Form) {
    if classes <= NAMED {
        let form = FORMS[class / COLOURS.len() % FORMS.len()];
        return (COLOURS[class % COLOURS.len()], form);
    }
    let groups = classes.div_ceil(GROUP);
    let hue = (class / GROUP) as f32 / groups as f32;
    let lightness = 0.56 + 0.02 * (class % GROUP) as f32;
    (oklch(lightness, 0.14, hue), FORMS[class % FORMS.len()])
}

/// A colour by lightness, chroma and hue (0 to 1), in a space where equal steps look equal
/// (Ottosson's Oklab).
fn oklch(lightness: f32, chroma: f32, hue: f32) -> Colour {
    let (sin, cos) = (hue * std::f32::consts::TAU).sin_cos();
    let (a, b) = (chroma * cos, chroma * sin);
    let cube = |x: f32| x * x * x;
    let l = cube(lightness + 0.396_337_78 * a + 0.215_803_76 * b);
    let m = cube(lightness - 0.105_561_346 * a - 0.063_854_17 * b);
    let s = cube(lightness - 0.089_484_18 * a - 1.291_485_5 * b);
    let linear = [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s,
        -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ];
    Colour(linear.map(|x| {
        let x = x.clamp(0.0, 1.0);
        let coded = match x <= 0.003_130_8 {
            true => 12.92 * x,
            false => 1.055 * x.powf(1.0 / 2.4) - 0.055,
        };
        (255.0 * coded).round() as u8
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_classes_look_alike() {
        for classes in [2, 10, 40, 60, 120] {
            let looks: HashSet<(Colour, Form)> = (0..classes).map(|i| look(i, classes)).collect();
            assert_eq!(looks.len(), classes);
        }
    }

    #[test]
    fn known_colours_come_out() {
        assert_eq!(oklch(1.0, 0.0, 0.0), Colour([255, 255, 255]));
        // CSS: oklch(62.8% 0.2577 29.23deg) is red.
        let Colour([r, g, b]) = oklch(0.628, 0.2577, 29.23 / 360.0);
        assert!(r > 250 && g < 8 && b < 8, "{r} {g} {b}");
    }

    #[test]
    fn many_classes_share_a_hue_by_tens() {
        let far = |a: usize, b: usize| -> i32 {
            let (Colour(a), Colour(b)) = (look(a, 120).0, look(b, 120).0);
            a.iter()
                .zip(b)
                .map(|(a, b)| (i32::from(*a) - i32::from(b)).abs())
                .sum()
        };
        assert!(far(40, 44) < far(40, 50));
    }
}
