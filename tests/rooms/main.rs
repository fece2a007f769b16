//! What crosses the rooms: the same numbers in every engine, the whole chain on the command line,
//! bodies of other layouts, a run that is killed and goes on, and bad input to every binary.

mod bad_input;
mod binaries;
mod chain;
mod conformance;
mod continual;
mod layouts;
mod live;
mod picture;
mod protocols;
mod real_people;
mod released;
mod resume;
mod sinks;
