//! What each column of a table is for.

use std::fmt;

use crate::{Column, ColumnKind, DataError, Table};

/// What a column of a table is for. [`Columns::roles`] tells it.
///
/// # Example
/// ```
/// use kiln_data::{Columns, Role, Table};
///
/// let table = Table::parse("t.csv", "x,y\n1,0\n2,1\n")?;
/// let columns = Columns { target: Some("y".into()), ..Columns::default() };
/// assert_eq!(columns.roles(&table)?, [Role::Feature, Role::Target]);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The encoder makes features of it.
    Feature,
    /// It is to be predicted.
    Target,
    /// Its numbers are the weights of the rows.
    Weight,
    /// It names the rows.
    Id,
    /// It is not used.
    LeftOut(Reason),
}

/// Why a column is not used.
///
/// # Example
/// ```
/// use kiln_data::{Columns, Reason, Role, Table};
///
/// let table = Table::parse("t.csv", "x,note\n1,\n2,\n")?;
/// assert_eq!(Columns::default().roles(&table)?[1], Role::LeftOut(Reason::Empty));
/// assert_eq!(Reason::Empty.to_string(), "it has no values");
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The user left it out.
    Asked,
    /// The user chose other features.
    NotChosen,
    /// It has no values.
    Empty,
    /// Every row has a different text, as in a list of names.
    Names,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "left out as asked",
            Self::NotChosen => "not among the chosen features",
            Self::Empty => "it has no values",
            Self::Names => "every row has a different text, as in a list of names",
        })
    }
}

/// Which columns of a table are used, and for what.
///
/// # Example
/// ```
/// use kiln_data::{Columns, Reason, Role, Table};
///
/// let table = Table::parse("t.csv", "id,x,y,note\n7,1,0,\n8,2,1,\n")?;
/// let columns = Columns { target: Some("y".into()), id: vec!["id".into()], ..Columns::default() };
/// assert_eq!(columns.roles(&table)?, [Role::Id, Role::Feature, Role::Target, Role::LeftOut(Reason::Empty)]);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The column to predict.
    pub target: Option<String>,
    /// The column with the weights of the rows.
    pub weight: Option<String>,
    /// Columns that name the rows.
    pub id: Vec<String>,
    /// Columns that are left out.
    pub drop: Vec<String>,
    /// The features. Empty: all other columns.
    pub features: Vec<String>,
}

/// Text columns with up to this many rows are never taken for names.
const FEW_ROWS: usize = 20;

impl Columns {
    /// Returns the role of each column, in the order of the table.
    ///
    /// A column that is not named here is a feature, unless it has no values, or is a text column with a different text in each
    /// of more than 20 rows.
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownColumn`] for a column that does not exist, and [`DataError::TwoRoles`] for one with two roles.
    pub fn roles(&self, table: &Table) -> Result<Vec<Role>, DataError> {
        let single = |name: &Option<String>| name.iter().cloned().collect::<Vec<_>>();
        let named = [
            (single(&self.target), Role::Target),
            (single(&self.weight), Role::Weight),
            (self.id.clone(), Role::Id),
            (self.drop.clone(), Role::LeftOut(Reason::Asked)),
            (self.features.clone(), Role::Feature),
        ];
        let mut roles: Vec<Option<Role>> = vec![None; table.columns().len()];
        for (names, role) in named {
            for name in names {
                table.required(&name)?;
                let at = table.columns().iter().position(|column| column.name() == name).expect("it is required");
                match &roles[at] {
                    Some(other) if *other != role => {
                        let (file, other) = (table.file().into(), other.name());
                        return Err(DataError::TwoRoles { file, column: name, one: other, two: role.name() });
                    }
                    _ => roles[at] = Some(role.clone()),
                }
            }
        }
        let chosen = !self.features.is_empty();
        let complete = |(role, column): (Option<Role>, &Column)| role.unwrap_or_else(|| default_role(column, chosen));
        Ok(roles.into_iter().zip(table.columns()).map(complete).collect())
    }
}

impl Role {
    fn name(&self) -> &'static str {
        match self {
            Self::Feature => "a feature",
            Self::Target => "the target",
            Self::Weight => "the weight",
            Self::Id => "an identifier",
            Self::LeftOut(_) => "left out",
        }
    }
}

fn default_role(column: &Column, chosen: bool) -> Role {
    if chosen {
        return Role::LeftOut(Reason::NotChosen);
    }
    if column.missing() == column.len() {
        return Role::LeftOut(Reason::Empty);
    }
    // Numbers with a slip are not names.
    let is_text = column.kind() == ColumnKind::Categorical && column.stray_text().is_none();
    if is_text && column.len() > FEW_ROWS && column.levels().0.len() == column.len() - column.missing() {
        return Role::LeftOut(Reason::Names);
    }
    Role::Feature
}

/// How many rows have missing values, and in which columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRows {
    /// Rows of the table.
    pub rows: usize,
    /// Rows with a missing value.
    pub incomplete: usize,
    /// The columns with missing values and their number, the most first.
    pub columns: Vec<(String, usize)>,
}

impl Table {
    /// Returns the table without the rows in which one of the columns called `names` has a missing value, and what was found.
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownColumn`], and [`DataError::NoCompleteRows`] if every row has a missing value.
    ///
    /// # Example
    /// ```
    /// let table = kiln_data::Table::parse("t.csv", "x,y,z\n1,NA,NA\n2,3,NA\n")?;
    /// let (table, found) = table.without_missing(&["x", "y"])?;
    /// assert_eq!((table.len(), found.incomplete, &found.columns[..]), (1, 1, &[("y".to_owned(), 1)][..]));
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn without_missing(self, names: &[&str]) -> Result<(Self, MissingRows), DataError> {
        let columns = names.iter().map(|name| self.required(name)).collect::<Result<Vec<_>, _>>()?;
        let columns: Vec<(&Column, usize)> =
            columns.into_iter().map(|column| (column, column.missing())).filter(|(_, missing)| *missing > 0).collect();
        let is_complete = |row: &usize| !columns.iter().any(|(column, _)| column.is_missing(*row));
        let complete: Vec<usize> =
            if columns.is_empty() { Vec::new() } else { (0..self.len()).filter(is_complete).collect() };
        let mut counts: Vec<(String, usize)> =
            columns.iter().map(|(column, missing)| (column.name().to_owned(), *missing)).collect();
        // Stable: columns with the same number stay in the order of the table.
        counts.sort_by_key(|(_, missing)| std::cmp::Reverse(*missing));
        let rows = self.len();
        if counts.is_empty() {
            return Ok((self, MissingRows { rows, incomplete: 0, columns: counts }));
        }
        if complete.is_empty() {
            let (column, count) = counts.swap_remove(0);
            return Err(DataError::NoCompleteRows { file: self.file().into(), rows, column, count });
        }
        let found = MissingRows { rows, incomplete: rows - complete.len(), columns: counts };
        Ok((self.subset(&complete), found))
    }
}

impl fmt::Display for MissingRows {
    /// For example `dropped 177 of 891 rows with missing values (Age 177)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 6;
        write!(f, "dropped {} of {} rows with missing values", self.incomplete, self.rows)?;
        let columns = self.columns.iter().take(SHOWN);
        let mut list =
            columns.map(|(name, count)| format!("{} {count}", crate::Shown(name))).collect::<Vec<_>>().join(", ");
        if self.columns.len() > SHOWN {
            list += ", …";
        }
        if list.is_empty() { Ok(()) } else { write!(f, " ({list})") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_one_role() {
        let rows: String = (0..30).map(|i| format!("{i},n{i},{},1,,g{}\n", i % 2, i % 3)).collect();
        let table = Table::parse("t", &format!("i,name,y,w,none,group\n{rows}")).unwrap();
        let columns = Columns { target: Some("y".into()), weight: Some("w".into()), ..Columns::default() };
        let left = Role::LeftOut;
        let expected =
            [Role::Feature, left(Reason::Names), Role::Target, Role::Weight, left(Reason::Empty), Role::Feature];
        assert_eq!(columns.roles(&table).unwrap(), expected);
        let chosen = Columns { features: vec!["group".into()], drop: vec!["i".into()], ..columns.clone() };
        let roles = chosen.roles(&table).unwrap();
        assert_eq!([&roles[0], &roles[1], &roles[5]], [&left(Reason::Asked), &left(Reason::NotChosen), &Role::Feature]);
        let twice = Columns { drop: vec!["y".into()], ..columns.clone() }.roles(&table);
        assert!(matches!(twice, Err(DataError::TwoRoles { column, .. }) if column == "y"));
        let unknown = Columns { id: vec!["key".into()], ..columns }.roles(&table);
        assert!(matches!(unknown, Err(DataError::UnknownColumn { column, .. }) if column == "key"));
    }

    #[test]
    fn rows_with_missing_values_are_counted() {
        let table = Table::parse("t", "a,b,c\n1,NA,x\nNA,NA,y\n3,4,NA\n5,6,z\n").unwrap();
        let (rest, found) = table.clone().without_missing(&["a", "b", "c"]).unwrap();
        assert_eq!((rest.len(), rest.line(0)), (1, 5));
        assert_eq!(found.to_string(), "dropped 3 of 4 rows with missing values (b 2, a 1, c 1)");
        assert_eq!(rest.column("c").unwrap().levels().0.to_vec(), ["z"], "texts of dropped rows are forgotten");
        let (rest, found) = table.clone().subset(&[3]).without_missing(&["a", "b", "c"]).unwrap();
        assert_eq!((rest.len(), found.incomplete), (1, 0));
        let none = table.subset(&[0, 1]).without_missing(&["b"]);
        assert!(matches!(none, Err(DataError::NoCompleteRows { column, count: 2, .. }) if column == "b"));
    }
}
