//! The names that a method's name gives.

use crate::failure::Failure;

/// The names of a new method's crate and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// `mean-difference`.
    pub name: String,
    /// `isthmus-mean-difference`.
    pub package: String,
    /// `mean_difference`.
    pub module: String,
    /// `MeanDifference`.
    pub type_name: String,
}

/// Modules must not be called like words of the language.
const KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Types that the templates name.
const TAKEN: [&str; 15] = [
    "About",
    "Driver",
    "JsonSchema",
    "Method",
    "MethodContext",
    "MethodError",
    "Needs",
    "Plugin",
    "PluginConfig",
    "Result",
    "Role",
    "Stage",
    "Step",
    "Tensor",
    "Term",
];

impl Names {
    /// The names for a method in kebab case.
    pub fn new(name: &str) -> Result<Self, Failure> {
        let word = |word: &str| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        let fits = name.split('-').all(word) && name.starts_with(|c: char| c.is_ascii_lowercase());
        if !fits {
            return Err(Failure::input_with(
                format!("`{name}` is not a name in kebab case"),
                "small letters and digits, words joined by `-`, a letter first: `mean-difference`",
            ));
        }
        let type_name: String = name.split('-').map(capitalised).collect();
        if KEYWORDS.contains(&name) || TAKEN.contains(&type_name.as_str()) {
            return Err(Failure::input(format!(
                "`{name}` has a meaning in Rust or in isthmus itself; choose another name"
            )));
        }
        Ok(Self {
            name: name.to_owned(),
            package: format!("isthmus-{name}"),
            module: name.replace('-', "_"),
            type_name,
        })
    }

    /// The crate's name in Rust.
    pub fn library(&self) -> String {
        self.package.replace('-', "_")
    }

    /// A template with the names put in.
    pub fn filled(&self, template: &str) -> String {
        template
            .replace("{{name}}", &self.name)
            .replace("{{package}}", &self.package)
            .replace("{{library}}", &self.library())
            .replace("{{module}}", &self.module)
            .replace("{{type}}", &self.type_name)
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_the_others() {
        let names = Names::new("mean-difference2").unwrap();
        assert_eq!(names.package, "isthmus-mean-difference2");
        assert_eq!(names.library(), "isthmus_mean_difference2");
        assert_eq!(names.module, "mean_difference2");
        assert_eq!(names.type_name, "MeanDifference2");
        assert_eq!(names.filled("{{type}} {{name}}"), "MeanDifference2 mean-difference2");
        assert_eq!(names.filled("{{library}}"), "isthmus_mean_difference2");
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        for name in ["", "Mean", "mean_difference", "2d", "a--b", "-a", "a-", "a/b", "../x"] {
            assert!(Names::new(name).unwrap_err().to_string().contains("kebab"), "{name}");
        }
        for name in ["match", "term", "self", "method-error"] {
            assert!(Names::new(name).unwrap_err().to_string().contains("meaning"), "{name}");
        }
    }
}
