//! Which form a source is exported in.

use super::Source;
use crate::ExportError;
use aimclr_model::card::Form;

impl Source {
    /// The source in a form: the one asked for, else the one that its classifier was fitted in.
    ///
    /// # Errors
    /// A classifier that was fitted in the other form, or weights that the continual form can't be
    /// made of.
    pub fn in_form(mut self, asked: Option<Form>) -> Result<Self, ExportError> {
        let form = asked.unwrap_or(self.card.form);
        if form != self.card.form && self.classes() > 0 {
            return Err(ExportError::Choice(format!(
                "{}: its classifier was fitted in the {} form, which is another function than the \
                 {form} one; `aimclr-train evaluate linear --form {form}` fits one for it",
                self.path().display(),
                self.card.form
            )));
        }
        self.card.form = form;
        if form == Form::Continual {
            // Each body is followed on its own.
            self.card.bodies = 1;
        }
        match self.card.check() {
            Ok(()) => Ok(self),
            Err(error) => Err(ExportError::Unsupported {
                path: self.path().into(),
                reason: error.to_string(),
            }),
        }
    }
}
