//! The ways of a stream, which may change its layout from frame to frame.

use super::{ConvertError, Way};
use crate::layout::Layout;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Ways onto one layout, each looked for once. There are no more of them than built-in layouts.
#[derive(Debug, Clone)]
pub struct Ways {
    onto: Layout,
    /// By the name of the layout that bodies come in.
    found: BTreeMap<String, Way>,
    news: Vec<String>,
}

impl Ways {
    /// No ways yet.
    pub fn onto(layout: &Layout) -> Self {
        Self {
            onto: layout.clone(),
            found: BTreeMap::new(),
            news: Vec::new(),
        }
    }

    /// The way from the layout of this name; without a name from the one that all are brought onto.
    ///
    /// # Errors
    /// As of [`Way::find`].
    pub fn from(&mut self, layout: Option<&str>) -> Result<&Way, ConvertError> {
        let name = layout.unwrap_or(&self.onto.name);
        match self.found.entry(name.into()) {
            Entry::Occupied(way) => Ok(way.into_mut()),
            Entry::Vacant(none) => {
                let way = Way::find(none.key(), &self.onto)?;
                self.news.extend(way.note());
                Ok(none.insert(way))
            }
        }
    }

    /// The [`note`](Way::note) on each way that was found since this was asked last.
    pub fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }
}
