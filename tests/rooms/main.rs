//! What crosses the rooms: the same numbers in every engine, the whole chain on the command line,
//! bodies of other layouts, a run that is killed and goes on, runtimes
//! that share a broker, and bad input to every binary.

mod bad_input;
mod binaries;
mod chain;
mod conformance;
mod continual;
mod fleet;
mod gallery;
mod layouts;
mod live;
#[path = "../../runtime/src/mosquitto.rs"]
mod mosquitto;
mod picture;
mod protocols;
mod real_people;
mod released;
mod resume;
mod sinks;
