//! Formulas of pixels, as reference files state them: `(3*x*(c+1) + 7*floor(x*y/16)) mod 256`.

use crate::ReferenceError;

/// A formula of the channel `c`, the row `y` and the column `x`.
#[derive(Debug)]
pub(super) struct Formula(Term);

#[derive(Debug)]
enum Term {
    Number(f64),
    Variable(char),
    Floor(Box<Term>),
    Operation(Box<Term>, Operator, Box<Term>),
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Plus,
    Minus,
    Times,
    Over,
    Modulo,
    ExclusiveOr,
}

impl Formula {
    /// Reads a formula: numbers, `c`, `y`, `x`, `+ - * /`, `mod`, `XOR`, `floor(…)` and
    /// parentheses. `mod` binds as `*` does, `XOR` more loosely than `+`.
    ///
    /// # Errors
    /// If there is anything else in it.
    pub(super) fn read(text: &str) -> Result<Self, ReferenceError> {
        let mut parser = Parser { words: words(text), position: 0 };
        parser
            .exclusive_or()
            .filter(|_| parser.position == parser.words.len())
            .map(Self)
            .ok_or_else(|| ReferenceError::Formula(text.to_owned()))
    }

    /// The value at a position.
    pub(super) fn at(&self, c: usize, y: usize, x: usize) -> f64 {
        value(&self.0, [c as f64, y as f64, x as f64])
    }
}

fn value(term: &Term, at: [f64; 3]) -> f64 {
    match term {
        Term::Number(number) => *number,
        Term::Variable('c') => at[0],
        Term::Variable('y') => at[1],
        Term::Variable(_) => at[2],
        Term::Floor(inner) => value(inner, at).floor(),
        Term::Operation(left, operator, right) => {
            let (left, right) = (value(left, at), value(right, at));
            match operator {
                Operator::Plus => left + right,
                Operator::Minus => left - right,
                Operator::Times => left * right,
                Operator::Over => left / right,
                Operator::Modulo => left.rem_euclid(right),
                Operator::ExclusiveOr => ((left as i64) ^ (right as i64)) as f64,
            }
        }
    }
}

/// Words, numbers and signs, without blanks.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut joined = false;
    for c in text.chars() {
        let joins = c.is_alphanumeric() || c == '.';
        match words.last_mut().filter(|_| joins && joined) {
            Some(last) => last.push(c),
            None if c.is_whitespace() => {}
            None => words.push(c.to_string()),
        }
        joined = joins;
    }
    words
}

struct Parser {
    words: Vec<String>,
    position: usize,
}

impl Parser {
    fn next(&mut self) -> Option<String> {
        let word = self.words.get(self.position).cloned();
        self.position += 1;
        word
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = self.words.get(self.position).is_some_and(|next| next == word);
        self.position += usize::from(found);
        found
    }

    fn exclusive_or(&mut self) -> Option<Term> {
        self.operations(&[("XOR", Operator::ExclusiveOr)], Self::sum)
    }

    fn sum(&mut self) -> Option<Term> {
        self.operations(&[("+", Operator::Plus), ("-", Operator::Minus)], Self::product)
    }

    fn product(&mut self) -> Option<Term> {
        let operators = [("*", Operator::Times), ("/", Operator::Over), ("mod", Operator::Modulo)];
        self.operations(&operators, Self::factor)
    }

    fn operations(
        &mut self,
        operators: &[(&str, Operator)],
        operand: fn(&mut Self) -> Option<Term>,
    ) -> Option<Term> {
        let mut term = operand(self)?;
        while let Some(&(_, operator)) = operators.iter().find(|(word, _)| self.takes(word)) {
            term = Term::Operation(Box::new(term), operator, Box::new(operand(self)?));
        }
        Some(term)
    }

    fn factor(&mut self) -> Option<Term> {
        let word = self.next()?;
        match word.as_str() {
            "c" | "y" | "x" => word.chars().next().map(Term::Variable),
            "(" => self.exclusive_or().filter(|_| self.takes(")")),
            "floor" if self.takes("(") => {
                let inner = self.exclusive_or().filter(|_| self.takes(")"))?;
                Some(Term::Floor(Box::new(inner)))
            }
            number => number.parse().ok().map(Term::Number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_read_as_they_are_written() {
        let at = |text: &str, c, y, x| Formula::read(text).unwrap().at(c, y, x);
        let first = "(3*x*(c+1) + 5*y + 7*floor(x*y/16)) mod 256";
        assert_eq!(at(first, 2, 9, 31), ((3 * 31 * 3 + 5 * 9 + 7 * (31 * 9 / 16)) % 256) as f64);
        let second = "((x XOR y)*(c+1)) mod 256";
        assert_eq!(at(second, 1, 100, 203), (((203 ^ 100) * 2) % 256) as f64);
        assert_eq!(at("17*c + x - 2 * y mod 4", 1, 3, 5), 17.0 + 5.0 - 2.0);
    }

    #[test]
    fn what_is_no_formula_is_refused() {
        for text in ["", "x +", "(x", "x y", "x ** 2", "sin(x)", "z", "x mod 256)"] {
            let error = Formula::read(text).unwrap_err();
            assert!(matches!(error, ReferenceError::Formula(found) if found == text), "{text}");
        }
    }
}
