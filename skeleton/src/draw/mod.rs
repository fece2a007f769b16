//! Drawing: bodies, captions and bars on a [`Picture`], saved as PNG or as an animated GIF. Bodies
//! are in metres with y up; [`upright`] brings those of 2D layouts there.
//!
//! ```no_run
//! use aimclr_skeleton::draw::{self, Angle, Area, Picture, Size, View, colour};
//! # let (layout, clip) = (aimclr_skeleton::Layout::ntu25(), aimclr_skeleton::Sequence::zeros(1, 1, 25));
//! let area = Area { x: 0.0, y: 40.0, width: 480.0, height: 380.0 };
//! let view = View::fit(clip.view(), Angle::ASIDE, area);
//! let pictures = (0..clip.frames).map(|t| {
//!     let mut picture = Picture::new(480, 480);
//!     draw::scene(&mut picture, &view, &layout, clip.view(), t);
//!     picture.text(12.0, 10.0, Size::LargeBold, colour::INK, "wave");
//!     picture.bar(12.0, 440.0, 200.0, 14.0, 0.93, colour::ACCENT);
//!     picture
//! });
//! draw::gif("wave.gif".as_ref(), pictures, 30.0)?;
//! # Ok::<(), draw::DrawError>(())
//! ```

mod animation;
pub mod colour;
mod flat;
mod picture;
mod png;
mod sheet;
mod skeleton;
mod view;

pub use animation::gif;
pub use colour::Colour;
pub use flat::upright;
pub use picture::{MAX_SIDE, Picture, Size};
pub use sheet::{Clip, scene, sheet, strip};
pub use skeleton::{floor, skeleton};
pub use view::{Angle, Area, View};

use std::path::PathBuf;
use thiserror::Error;

/// What can go wrong with a picture's file.
#[derive(Debug, Error)]
pub enum DrawError {
    /// The file could not be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An animation without pictures.
    #[error("{}: an animation needs at least one picture", path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// A picture in an animation has another size than the first.
    #[error(
        "{}: expected pictures of {}×{} pixels, found one of {}×{}",
        path.display(), expected.0, expected.1, found.0, found.1
    )]
    Size {
        /// Which file.
        path: PathBuf,
        /// Width and height of the first picture.
        expected: (u32, u32),
        /// Width and height of the one that differs.
        found: (u32, u32),
    },
}

#[cfg(test)]
mod tests;
