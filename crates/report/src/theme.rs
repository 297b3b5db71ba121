//! Puts charts on a page that may be light or dark.

use crate::palette::{hexadecimal, roles};

/// The chart with its colours replaced by classes of [`style_sheet`].
pub(crate) fn themed(svg: &str) -> String {
    let mut text = svg.to_owned();
    for role in roles() {
        let colour = hexadecimal(role.light);
        for (attribute, prefix) in [("fill", "f"), ("stroke", "s")] {
            text = text.replace(
                &format!("{attribute}=\"{colour}\""),
                &format!("class=\"{prefix}-{}\"", role.name),
            );
        }
    }
    text
}

/// Variables and classes of all colours. Printed pages are light.
pub(crate) fn style_sheet() -> String {
    let light: String =
        roles().map(|role| format!("--{}:{};", role.name, hexadecimal(role.light))).collect();
    let dark: String =
        roles().map(|role| format!("--{}:{};", role.name, hexadecimal(role.dark))).collect();
    let classes: String = roles()
        .map(|role| {
            let name = role.name;
            format!(".f-{name}{{fill:var(--{name})}}.s-{name}{{stroke:var(--{name})}}\n")
        })
        .collect();
    format!(
        ":root{{{light}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{dark}}}}}\n\
         {classes}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_classes() {
        let svg = r##"<circle fill="#0072B2" stroke="none"/><line stroke="#E3E6EA"/>"##;
        assert_eq!(
            themed(svg),
            r#"<circle class="f-series-0" stroke="none"/><line class="s-grid"/>"#
        );
        for class in [".f-series-0{fill:var(--series-0)}", ".s-grid{stroke:var(--grid)}"] {
            assert!(style_sheet().contains(class));
        }
    }
}
