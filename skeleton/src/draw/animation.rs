//! Animated GIF files.

use super::colour::Palette;
use super::{DrawError, Picture};
use crate::files::write_atomically;
use gif::{DisposalMethod, Encoder, Frame, Repeat};
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

/// Writes pictures as an endless animation. All have the size of the first; `fps` is kept on
/// average, as a GIF counts time in hundredths of a second.
///
/// One palette serves the whole file, and each picture holds only what differs from the one
/// before, so a clip of ten seconds takes a few hundred kilobytes.
///
/// # Errors
/// No pictures, pictures of different sizes or sides beyond 65535 pixels, and what goes wrong with
/// the file, which then is as it was before.
pub fn gif(
    path: &Path,
    pictures: impl IntoIterator<Item = Picture>,
    fps: f64,
) -> Result<(), DrawError> {
    let mut pictures = pictures.into_iter().peekable();
    let Some(first) = pictures.peek() else {
        return Err(DrawError::Empty { path: path.into() });
    };
    let size = (first.width(), first.height());
    let mut odd = None;
    let written = write_atomically(path, |out| {
        let mut animation = Animation::new(out, size)?;
        for (i, picture) in pictures.enumerate() {
            let found = (picture.width(), picture.height());
            if found != size {
                odd = Some(found);
                return Err(io::Error::other("sizes differ"));
            }
            animation.push(&picture, delay(i, fps))?;
        }
        Ok(())
    });
    match (odd, written) {
        (Some(found), _) => Err(DrawError::Size {
            path: path.into(),
            expected: size,
            found,
        }),
        (None, Err(source)) => Err(DrawError::Io {
            path: path.into(),
            source,
        }),
        (None, Ok(())) => Ok(()),
    }
}

/// Hundredths of a second that picture `i` stays, rounded so that errors don't add up.
fn delay(i: usize, fps: f64) -> u16 {
    let until = |i: usize| (100.0 * i as f64 / fps).round();
    (until(i + 1) - until(i)).clamp(1.0, f64::from(u16::MAX)) as u16
}

struct Animation<W: Write> {
    encoder: Encoder<W>,
    palette: Palette,
    width: usize,
    /// Index that stands for "as before".
    same: u8,
    before: Vec<u8>,
}

impl<W: Write> Animation<W> {
    fn new(out: W, (width, height): (u32, u32)) -> io::Result<Self> {
        let side = |n: u32| u16::try_from(n).map_err(io::Error::other);
        let palette = Palette::new();
        let mut colours: Vec<u8> = palette.colours().iter().flat_map(|c| c.0).collect();
        let same = palette.colours().len() as u8;
        colours.extend([0; 3]);
        let encoder = Encoder::new(out, side(width)?, side(height)?, &colours);
        let mut encoder = encoder.map_err(io::Error::other)?;
        encoder
            .set_repeat(Repeat::Infinite)
            .map_err(io::Error::other)?;
        Ok(Self {
            encoder,
            palette,
            width: width as usize,
            same,
            before: Vec::new(),
        })
    }

    fn push(&mut self, picture: &Picture, delay: u16) -> io::Result<()> {
        let rgb = picture.rgb();
        let pixels = rgb.chunks_exact(3).map(|p| [p[0], p[1], p[2]]);
        let now: Vec<u8> = pixels.map(|p| self.palette.index(p)).collect();
        let (left, top, width, height) = self.changed(&now);
        let mut buffer = Vec::with_capacity(width * height);
        for row in top..top + height {
            let start = row * self.width + left;
            let fresh = &now[start..start + width];
            match self.before.get(start..start + width) {
                None => buffer.extend_from_slice(fresh),
                Some(old) => buffer.extend(
                    fresh
                        .iter()
                        .zip(old)
                        .map(|(new, old)| if new == old { self.same } else { *new }),
                ),
            }
        }
        let frame = Frame {
            delay,
            dispose: DisposalMethod::Keep,
            transparent: (!self.before.is_empty()).then_some(self.same),
            // Sides were checked to fit when the encoder was made.
            left: left as u16,
            top: top as u16,
            width: width as u16,
            height: height as u16,
            buffer: Cow::Owned(buffer),
            ..Frame::default()
        };
        self.before = now;
        self.encoder.write_frame(&frame).map_err(io::Error::other)
    }

    /// Left, top, width and height of what differs from the picture before: at least one pixel.
    fn changed(&self, now: &[u8]) -> (usize, usize, usize, usize) {
        if self.before.is_empty() {
            return (0, 0, self.width, now.len() / self.width);
        }
        let differ = (0..now.len()).filter(|i| now[*i] != self.before[*i]);
        let mut bounds: Option<[usize; 4]> = None;
        for i in differ {
            let (x, y) = (i % self.width, i / self.width);
            let [l, t, r, b] = bounds.unwrap_or([x, y, x, y]);
            bounds = Some([l.min(x), t, r.max(x), b.max(y)]);
        }
        let [l, t, r, b] = bounds.unwrap_or_default();
        (l, t, r - l + 1, b - t + 1)
    }
}
