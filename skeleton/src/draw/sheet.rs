//! Still pictures of motion: strips of poses, and sheets of strips.

use super::colour;
use super::picture::{Picture, Size};
use super::skeleton::{floor, skeleton};
use super::view::{Angle, Area, View, is_seen};
use crate::layout::Layout;
use crate::sequence::{Sequence, SequenceRef};

/// A clip on a contact sheet.
#[derive(Debug, Clone)]
pub struct Clip<'a> {
    /// What is done.
    pub title: String,
    /// Which recording it is.
    pub caption: String,
    /// Shape (T, M, V, 3).
    pub sequence: SequenceRef<'a>,
    /// Frames a second.
    pub fps: f64,
}

/// Of a longer clip, a sheet shows the liveliest stretch of so many seconds.
const STRETCH: f64 = 2.4;

/// Space between strips, pixels.
const GUTTER: u32 = 18;

/// Draws `clips` in `columns`, each as a strip of `poses` from left to right in time, under its
/// title and caption. Strips are `width` × `height` pixels.
pub fn sheet(
    clips: &[Clip<'_>],
    layout: &Layout,
    angle: Angle,
    columns: usize,
    poses: usize,
    (width, height): (u32, u32),
) -> Picture {
    let columns = columns.clamp(1, clips.len().max(1)) as u32;
    let rows = (clips.len() as u32).div_ceil(columns).max(1);
    let side = |count: u32, size: u32| count * (size + GUTTER) + GUTTER;
    let mut picture = Picture::new(side(columns, width), side(rows, height));
    for (i, clip) in clips.iter().enumerate() {
        let strip = strip(clip, layout, angle, poses, (width, height));
        let place = |n: u32, size: u32| (GUTTER + n * (size + GUTTER)) as i32;
        let (column, row) = (i as u32 % columns, i as u32 / columns);
        picture.place(place(column, width), place(row, height), &strip);
    }
    picture
}

/// One strip of a [`sheet`].
pub fn strip(
    clip: &Clip<'_>,
    layout: &Layout,
    angle: Angle,
    poses: usize,
    (width, height): (u32, u32),
) -> Picture {
    let mut picture = Picture::new(width, height);
    let after = picture.text(0.0, 0.0, Size::SmallBold, colour::INK, &clip.title);
    let letter = Size::Small.width();
    let room = ((width as f32 - after) / letter) as usize;
    let caption = shortened(&clip.caption, room.saturating_sub(3));
    let start = width as f32 - letter * caption.chars().count() as f32;
    picture.text(start, 0.0, Size::Small, colour::MUTED, &caption);
    let below = Size::Small.height() + 2.0;
    picture.rectangle(0.0, below, width as f32, 1.0, colour::GRID);
    let range = liveliest(clip.sequence, clip.fps);
    let still = gathered(clip.sequence.slice(range));
    let poses = poses.clamp(1, still.frames.max(1));
    let column = width as f32 / poses as f32;
    let area = Area {
        x: 0.0,
        y: below + 3.0,
        // Arms may reach into the neighbour's column.
        width: column * 1.25,
        height: height as f32 - below - 3.0,
    };
    let view = View::fit(still.view(), angle, area);
    for i in 0..poses {
        let t = match poses {
            1 => 0,
            _ => i * (still.frames - 1) / (poses - 1),
        };
        if still.frames > 0 {
            let shifted = view.shifted(column * (i as f32 - 0.125));
            skeleton(&mut picture, &shifted, layout, still.view(), t);
        }
    }
    picture
}

/// The front of a text that is too long, with a sign that there is more.
fn shortened(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.into();
    }
    let kept: String = text.chars().take(letters.saturating_sub(2)).collect();
    format!("{kept}..")
}

/// The stretch in which joints move most; the whole of a short clip.
fn liveliest(sequence: SequenceRef<'_>, fps: f64) -> std::ops::Range<usize> {
    let length = ((STRETCH * fps).round() as usize).max(2);
    if sequence.frames <= length {
        return 0..sequence.frames;
    }
    let size = sequence.data.len() / sequence.frames;
    let moved = |t: usize| -> f32 {
        let (a, b) = (&sequence.data[(t - 1) * size..], &sequence.data[t * size..]);
        let steps = a.iter().zip(b).take(size).map(|(a, b)| (a - b).abs());
        // A step no body can take is somebody coming, going or lost.
        steps.filter(|step| *step < 0.5).sum()
    };
    let mut until = vec![0.0; sequence.frames];
    for t in 1..sequence.frames {
        until[t] = until[t - 1] + moved(t);
    }
    let sum = |start: usize| until[start + length - 1] - until[start];
    let start = (0..=sequence.frames - length).max_by(|a, b| sum(*a).total_cmp(&sum(*b)));
    let start = start.unwrap_or(0);
    start..start + length
}

/// How far from the origin everybody is gathered, metres.
const AWAY: f32 = 3.0;

/// Each frame moved so that everybody together stands over the same spot. It is not the origin, where
/// joints that were lost would look like ones that lie there.
fn gathered(sequence: SequenceRef<'_>) -> Sequence {
    let mut out = sequence.to_owned();
    for t in 0..sequence.frames {
        let present: Vec<usize> = (0..sequence.bodies)
            .filter(|m| !sequence.is_absent(t, *m))
            .collect();
        let seen: Vec<(usize, usize)> = present
            .iter()
            .flat_map(|m| (0..sequence.joints).map(|v| (*m, v)))
            .filter(|(m, v)| is_seen(&sequence, t, *m, *v))
            .collect();
        let middle = |c: usize| {
            let values = seen.iter().map(|(m, v)| sequence.joint(t, *m, *v)[c]);
            let mut values: Vec<f32> = values.collect();
            values.sort_unstable_by(f32::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(0.0)
        };
        let (x, z) = (middle(0), middle(2));
        for (m, v) in seen {
            let joint = sequence.joint(t, m, v);
            out.set_joint(t, m, v, [joint[0] - x, joint[1], joint[2] - z + AWAY]);
        }
    }
    out
}

/// Draws one frame of a clip with its floor, for an animation.
pub fn scene(
    picture: &mut Picture,
    view: &View,
    layout: &Layout,
    sequence: SequenceRef<'_>,
    t: usize,
) {
    floor(picture, view);
    skeleton(picture, view, layout, sequence, t);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_stays_lost_where_everybody_is_gathered() {
        // A body of four joints three metres away, which walks and loses a hand; and one that is
        // centred, whose first joint lies at the origin.
        let joints = |t: usize, v: usize| [v as f32 * 0.2, 1.0 - v as f32 * 0.3, 3.0 + t as f32];
        for (from, lost) in [([0.0; 3], Some(3)), ([0.0, 1.0, 3.0], None)] {
            let mut clip = Sequence::zeros(2, 1, 4);
            for t in 0..2 {
                for v in (0..4).filter(|v| Some(*v) != lost) {
                    let at = joints(if lost.is_some() { t } else { 0 }, v);
                    clip.set_joint(t, 0, v, [0, 1, 2].map(|c| at[c] - from[c]));
                }
            }
            let still = gathered(clip.view());
            for t in 0..2 {
                let drawn = (0..4).filter(|v| is_seen(&still.view(), t, 0, *v));
                assert_eq!(drawn.count(), 4 - usize::from(lost.is_some()));
                assert_eq!(still.joint(t, 0, 0), still.joint(0, 0, 0));
            }
        }
    }
}
