//! PNG files.

use super::{DrawError, Picture};
use crate::files::write_atomically;
use image::ImageEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use std::path::Path;

pub(super) fn save(picture: &Picture, path: &Path) -> Result<(), DrawError> {
    let (width, height) = (picture.width(), picture.height());
    write_atomically(path, |out| {
        // Flat colours pack best without a filter.
        PngEncoder::new_with_quality(out, CompressionType::Best, FilterType::NoFilter)
            .write_image(
                &picture.rgb(),
                width,
                height,
                image::ExtendedColorType::Rgb8,
            )
            .map_err(std::io::Error::other)
    })
    .map_err(|source| DrawError::Io {
        path: path.into(),
        source,
    })
}
