//! Names of NTU RGB+D's samples.

use std::collections::BTreeMap;

/// What a name says, `SsssCcccPpppRrrrAaaa`; all numbers count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::import) struct Name {
    pub(in crate::import) setup: u16,
    pub(in crate::import) camera: u16,
    pub(in crate::import) subject: u16,
    pub(in crate::import) replication: u16,
    pub(in crate::import) action: u16,
}

impl Name {
    /// Takes a name apart; nothing where it is none.
    pub(in crate::import) fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut number = |letter: char| {
            let digits = rest.strip_prefix(letter)?.get(..3)?;
            rest = rest.get(4..)?;
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|n| plain && *n > 0)
        };
        let name = Self {
            setup: number('S')?,
            camera: number('C')?,
            subject: number('P')?,
            replication: number('R')?,
            action: number('A')?,
        };
        rest.is_empty().then_some(name)
    }

    /// The columns of `samples.csv` that it fills.
    pub(in crate::import) fn columns(self) -> BTreeMap<String, String> {
        [
            ("setup", self.setup),
            ("camera", self.camera),
            ("subject", self.subject),
            ("replication", self.replication),
            ("action", self.action),
        ]
        .map(|(column, number)| (column.to_string(), number.to_string()))
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart() {
        let name = Name {
            setup: 1,
            camera: 2,
            subject: 103,
            replication: 2,
            action: 120,
        };
        assert_eq!(Name::parse("S001C002P103R002A120"), Some(name));
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "S001C002P103R002",
            "S001C002P103R002A1200",
            "S001C002P103R002A000",
            "s001C002P103R002A001",
            "S001C002P103R002A+01",
            "S0é1C002P103R002A001",
        ] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }
}
