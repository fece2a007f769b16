//! Measurements. Nothing here is a test: speed is told as ratios and rates, and compared by people.
