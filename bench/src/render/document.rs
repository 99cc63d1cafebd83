//! A paper of which some parts are generated: those between `<!-- NAME -->` and `<!-- end of NAME -->`, each on a line.

use crate::Result;
use std::fs;
use std::path::Path;

pub(super) struct Document(String);

impl Document {
    pub(super) fn read(path: &Path) -> Result<Self> {
        Ok(Self(fs::read_to_string(path)?))
    }

    pub(super) fn write(&self, path: &Path) -> Result {
        Ok(fs::write(path, &self.0)?)
    }

    /// Replaces what is between the marks of `name`.
    pub(super) fn replace(&mut self, name: &str, text: &str) -> Result {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
        let missing = || format!("the paper has no line {:?}", begin.trim_end());
        let (before, rest) = self.0.split_once(&begin).ok_or_else(missing)?;
        let (_, after) = rest.split_once(&end).ok_or_else(|| format!("the paper has no line {:?}", end.trim_end()))?;
        self.0 = format!("{before}{begin}{}\n{end}{after}", text.trim_end());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let mut paper = Document("a\n<!-- x -->\nold\n<!-- end of x -->\nb\n".into());
        paper.replace("x", "new\n\n").unwrap();
        assert_eq!(paper.0, "a\n<!-- x -->\nnew\n<!-- end of x -->\nb\n");
        assert!(paper.replace("y", "").is_err());
    }
}
