//! Where `aimclr-run stream` has its frames from.

use super::numbers::rate;
use crate::net::Access;
use crate::queue::WhenFull;
use crate::source::address::Address;
use crate::source::format::Format;
use crate::source::inputs::{InputError, Inputs, Options};
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(super) struct InputArgs {
    /// Where frames come from: -, FILE, FOLDER, tcp://host:port, tcp-listen://host:port, unix:PATH,
    /// ws://host:port/path, ws-listen://host:port or mqtt://host[:port]/topic/filter, or
    /// …/filter?unless=TOPIC to stand in for another runtime (docs/fleets.md); several may be given
    #[arg(long, value_name = "ADDRESS", default_value = "-")]
    input: Vec<Address>,
    /// In which form frames come
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Auto, hide_possible_values = true,
          long_help = "In which form frames come: auto, native, openpose, mediapipe-json, mediapipe-csv, \
                       ultralytics, alphapose, skeleton, pku-mmd or bvh; auto tells by the ending or the \
                       first line")]
    format: Format,
    /// Frames a second, where the format has no time
    #[arg(long, value_name = "F", value_parser = rate)]
    fps: Option<f64>,
    /// Go on at the end of a file or folder that is being written to; connect to tcp:// again
    #[arg(long)]
    follow: bool,
    /// Play recordings at their own pace instead of as fast as it goes; as --speed 1
    #[arg(long, conflicts_with = "speed")]
    realtime: bool,
    /// Play recordings so many times as fast as they were, by each source's own clock
    #[arg(long, value_name = "X", value_parser = rate)]
    speed: Option<f64>,
    /// What happens when frames come faster than they are recognised [default: wait for files and
    /// standard input, drop-oldest for the network]
    #[arg(long, value_name = "POLICY", value_enum)]
    when_full: Option<WhenFull>,
    /// Frames of each input that may wait for recognition [default: 2 where the source can wait, 32
    /// for the network]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    queue: Option<u32>,
}

impl InputArgs {
    /// The files that are read.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.input.iter().filter_map(|address| match address {
            Address::Path(path) => Some(path.as_path()),
            _ => None,
        })
    }

    pub(super) fn open(&self) -> Result<Inputs, InputError> {
        let options = Options {
            format: self.format,
            fps: self.fps,
            follow: self.follow,
            speed: self.speed.or(self.realtime.then_some(1.0)),
            when_full: self.when_full,
            queue: self.queue.map(|frames| frames as usize),
            access: Access::of_environment(),
        };
        Inputs::open(&self.input, &options)
    }
}
