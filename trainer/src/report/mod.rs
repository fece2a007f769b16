//! Shows what runs and results hold: curves and pictures, one page of HTML, lines for a terminal,
//! and TensorBoard's event files.

pub mod chart;
pub mod class;
pub mod find;
pub mod lines;
pub mod page;
pub mod pictures;
pub mod result;
pub mod run;
pub mod setting;
pub mod status;
pub mod tensorboard;
pub mod text;
pub mod tsne;

pub use find::Found;
pub use result::ResultFolder;
pub use run::Run;
