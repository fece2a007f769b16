//! Nothing but a place for the tests in `rooms/`: what crosses the rooms of the workspace.
