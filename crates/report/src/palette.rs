//! The colours of charts.
//!
//! A chart is drawn in the light colours, which are also those of single figures. Every colour of
//! a chart has one role and is used for nothing else: on the page it is found by its value and
//! becomes a variable of the style sheet, with the dark colour for dark pages.

use plotters::style::RGBColor;

/// A colour by its role, for light and for dark pages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Role {
    /// Its name in the style sheet.
    pub name: &'static str,
    /// On white.
    pub light: RGBColor,
    /// On the dark page.
    pub dark: RGBColor,
}

const fn role(name: &'static str, light: u32, dark: u32) -> Role {
    Role { name, light: colour(light), dark: colour(dark) }
}

const fn colour(hexadecimal: u32) -> RGBColor {
    let [_, red, green, blue] = hexadecimal.to_be_bytes();
    RGBColor(red, green, blue)
}

/// What charts are drawn on.
pub const PAPER: Role = role("paper", 0xffffff, 0x15181c);
/// Titles and labels.
pub const INK: Role = role("ink", 0x1b1f24, 0xe8eaed);
/// Axes.
pub const AXIS: Role = role("axis", 0x6b7178, 0x8f969e);
/// Lines of the grid.
pub const GRID: Role = role("grid", 0xe3e6ea, 0x2c3238);
/// Text in the pale half of the scale of a heat map.
pub const HEAT_INK_LOW: Role = role("heat-ink-low", 0x10151a, 0xf4f6f8);
/// Text in the strong half of the scale of a heat map.
pub const HEAT_INK_HIGH: Role = role("heat-ink-high", 0xfefefe, 0x05080b);

/// Colours of series: after Okabe and Ito, darkened on white and lightened on dark until each has
/// a contrast of at least 3 to the paper. Markers tell the series apart where colours do not.
pub const SERIES: [Role; 8] = [
    role("series-0", 0x0072b2, 0x56b4e9),
    role("series-1", 0xd55e00, 0xff9145),
    role("series-2", 0x00805e, 0x2fc79a),
    role("series-3", 0xaa4499, 0xe07fd0),
    role("series-4", 0x8a6d00, 0xe8d24a),
    role("series-5", 0x555b61, 0xb9bec4),
    role("series-6", 0x882255, 0xf2798f),
    role("series-7", 0x2a8c8c, 0x7fe0e0),
];

/// Upper bounds: apart from the methods they bound.
pub const BOUND: Role = role("bound", 0x22262a, 0xdcdfe3);

/// Colours of a heat map, from nothing to all.
pub const HEAT: [Role; 11] = [
    role("heat-0", 0xf5f8fb, 0x1b2129),
    role("heat-1", 0xe3edf6, 0x1c2b39),
    role("heat-2", 0xd0e1f1, 0x1d3448),
    role("heat-3", 0xbad3e9, 0x1e3e58),
    role("heat-4", 0xa3c4e0, 0x1f4868),
    role("heat-5", 0x8ab4d7, 0x235378),
    role("heat-6", 0x2f75ad, 0x5d9ac4),
    role("heat-7", 0x24659c, 0x73add4),
    role("heat-8", 0x1a558a, 0x8bc0e2),
    role("heat-9", 0x114578, 0xa5d3ee),
    role("heat-10", 0x083565, 0xc2e6fa),
];

/// Every role.
pub fn roles() -> impl Iterator<Item = Role> {
    [PAPER, INK, AXIS, GRID, BOUND, HEAT_INK_LOW, HEAT_INK_HIGH]
        .into_iter()
        .chain(SERIES)
        .chain(HEAT)
}

/// The colour of a series by its place.
pub fn series(place: usize) -> RGBColor {
    SERIES[place % SERIES.len()].light
}

/// The colours of a cell of a heat map and of the text in it; `share` is clamped to [0, 1].
pub fn heat(share: f64) -> (RGBColor, RGBColor) {
    let level = (share.clamp(0.0, 1.0) * (HEAT.len() - 1) as f64).round() as usize;
    let ink = if level * 2 < HEAT.len() { HEAT_INK_LOW } else { HEAT_INK_HIGH };
    (HEAT[level].light, ink.light)
}

/// `#rrggbb`, as `plotters` writes it.
pub fn hexadecimal(colour: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Contrast by WCAG 2: from 1 to 21.
    fn contrast(one: RGBColor, other: RGBColor) -> f64 {
        let luminance = |colour: RGBColor| {
            let linear = |value: u8| {
                let value = f64::from(value) / 255.0;
                if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(colour.0) + 0.7152 * linear(colour.1) + 0.0722 * linear(colour.2)
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn black_on_white_has_the_contrast_of_the_standard() {
        assert!((contrast(RGBColor(0, 0, 0), RGBColor(255, 255, 255)) - 21.0).abs() < 1e-9);
    }

    #[test]
    fn series_and_axes_stand_out_from_either_paper() {
        for role in SERIES.into_iter().chain([AXIS, BOUND]) {
            let (light, dark) =
                (contrast(role.light, PAPER.light), contrast(role.dark, PAPER.dark));
            assert!(light >= 3.0 && dark >= 3.0, "{}: {light:.2}, {dark:.2}", role.name);
        }
    }

    #[test]
    fn text_is_readable_on_paper_and_on_every_cell() {
        assert!(contrast(INK.light, PAPER.light) >= 7.0);
        assert!(contrast(INK.dark, PAPER.dark) >= 7.0);
        for (level, cell) in HEAT.into_iter().enumerate() {
            let ink = if level * 2 < HEAT.len() { HEAT_INK_LOW } else { HEAT_INK_HIGH };
            assert_eq!(heat(level as f64 / 10.0), (cell.light, ink.light));
            let (light, dark) = (contrast(ink.light, cell.light), contrast(ink.dark, cell.dark));
            assert!(light >= 4.5 && dark >= 4.5, "{}: {light:.2}, {dark:.2}", cell.name);
        }
    }

    #[test]
    fn no_two_roles_share_a_light_colour_or_a_name() {
        let lights: BTreeSet<String> = roles().map(|role| hexadecimal(role.light)).collect();
        let names: BTreeSet<&str> = roles().map(|role| role.name).collect();
        assert_eq!((lights.len(), names.len()), (roles().count(), roles().count()));
    }
}
