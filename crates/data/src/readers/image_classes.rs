//! Which folders of a tree of images are read, and which classes they are.

use std::collections::BTreeMap;
use std::path::Path;

use isthmus_core::error::DataError;

use super::image_tree::Member;
use crate::labels::class_name;
use crate::problem;

/// The members of the folders that are named, by their classes; all by their own names where none is.
///
/// # Errors
/// If a folder that is named is not there.
pub(super) fn named_so(
    place: &Path,
    mut found: BTreeMap<String, Vec<Member>>,
    classes: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Vec<Member>>, DataError> {
    if classes.is_empty() {
        return Ok(found);
    }
    let mut named: BTreeMap<String, Vec<Member>> = BTreeMap::new();
    for (folder, class) in classes {
        let Some(members) = found.remove(folder) else {
            let near = problem::suggestion(folder, found.keys().map(String::as_str));
            return Err(problem::file(
                place,
                format!(
                    "has no folder `{}`, which `classes` names{near}; it has {}",
                    problem::shown(folder),
                    problem::some_of(found.keys())
                ),
            ));
        };
        // Several folders may be one class.
        named.entry(class_name(class)).or_default().extend(members);
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use isthmus_core::dataset::EncodedImage;

    use super::*;

    fn folders() -> BTreeMap<String, Vec<Member>> {
        let image = |name: &str| Member { image: EncodedImage::File(name.into()), inside: None };
        let folder = |name: &str| (name.to_owned(), vec![image(name)]);
        ["back_pack", "bags", "mug", "pen"].map(folder).into()
    }

    fn named(classes: &[(&str, &str)]) -> Result<Vec<(String, usize)>, String> {
        let classes = classes.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let named = named_so(Path::new("tree"), folders(), &classes);
        let named = named.map_err(|error| error.to_string())?;
        Ok(named.into_iter().map(|(class, members)| (class, members.len())).collect())
    }

    #[test]
    fn folders_that_are_named_are_read_under_their_classes() {
        assert_eq!(named(&[]).unwrap().len(), 4);
        let two = named(&[("mug", "cup"), ("bags", "bag"), ("back_pack", "bag")]).unwrap();
        assert_eq!(two, [("bag".to_owned(), 2), ("cup".to_owned(), 1)]);
        let error = named(&[("backpack", "bag")]).unwrap_err();
        assert!(
            error.contains("`backpack`") && error.contains("did you mean `back_pack`"),
            "{error}"
        );
    }
}
