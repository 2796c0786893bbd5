//! Tokens to requirements.

use std::collections::BTreeSet;

use crate::cluster::selector::lexer::{Lexer, Token};
use crate::cluster::selector::{Condition, Requirement, SelectorError, validation};

const OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    let mut lexer = Lexer::new(text);
    let mut requirements = Vec::new();
    match peek_operand(&lexer) {
        (Token::End, _) => return Ok(requirements),
        (Token::Word | Token::Not, _) => {}
        (_, found) => return Err(unexpected(found, ", expected: !, identifier, or 'end of string'")),
    }
    loop {
        let requirement =
            requirement(&mut lexer).map_err(|error| SelectorError(format!("unable to parse requirement: {error}")))?;
        requirements.push(requirement);
        match lexer.next() {
            (Token::End, _) => return Ok(requirements),
            (Token::Comma, _) => match peek_operand(&lexer) {
                (Token::Word | Token::Not, _) => {}
                (_, found) => return Err(unexpected(found, ", expected: identifier after ','")),
            },
            (_, found) => return Err(unexpected(found, ", expected: ',' or 'end of string'")),
        }
    }
}

fn requirement(lexer: &mut Lexer<'_>) -> Result<Requirement, SelectorError> {
    let negated = lexer.peek().0 == Token::Not;
    if negated {
        lexer.next();
    }
    let key = match next_operand(lexer) {
        (Token::Word, key) => key,
        (_, found) => return Err(unexpected(found, ", expected: identifier")),
    };
    validation::key(key)?;
    let condition = if negated {
        Condition::Absent
    } else if matches!(lexer.peek().0, Token::End | Token::Comma) {
        Condition::Exists
    } else {
        comparison(lexer, key)?
    };
    Ok(Requirement { key: key.to_owned(), condition })
}

fn comparison(lexer: &mut Lexer<'_>, key: &str) -> Result<Condition, SelectorError> {
    let (operator, text) = lexer.next();
    let values = match operator {
        Token::In | Token::NotIn => value_list(lexer)?,
        Token::Equals | Token::DoubleEquals | Token::NotEquals | Token::GreaterThan | Token::LessThan => {
            BTreeSet::from([single_value(lexer)?.to_owned()])
        }
        _ => return Err(unexpected(text, &format!(", expected: {OPERATORS}"))),
    };
    if matches!(operator, Token::GreaterThan | Token::LessThan) {
        let bound = validation::bound(&values)?;
        validation::values(key, &values)?;
        let greater = operator == Token::GreaterThan;
        return Ok(if greater { Condition::GreaterThan(bound) } else { Condition::LessThan(bound) });
    }
    validation::values(key, &values)?;
    Ok(match operator {
        Token::NotIn | Token::NotEquals => Condition::NoneOf(values),
        _ => Condition::OneOf(values),
    })
}

/// What follows `=`: nothing stands for the empty value.
fn single_value<'a>(lexer: &mut Lexer<'a>) -> Result<&'a str, SelectorError> {
    if matches!(lexer.peek().0, Token::End | Token::Comma) {
        return Ok("");
    }
    match next_operand(lexer) {
        (Token::Word, value) => Ok(value),
        (_, found) => Err(unexpected(found, ", expected: identifier")),
    }
}

/// `(a,b)`; a place between commas that holds nothing stands for the empty value.
fn value_list(lexer: &mut Lexer<'_>) -> Result<BTreeSet<String>, SelectorError> {
    let (Token::Open, _) = lexer.peek() else {
        return Err(unexpected(lexer.next().1, " expected: '('"));
    };
    lexer.next();
    if !matches!(peek_operand(lexer).0, Token::Word | Token::Comma | Token::Close) {
        return Err(unexpected(lexer.next().1, ", expected: ',', ')' or identifier"));
    }
    let mut values = BTreeSet::new();
    loop {
        let value = match peek_operand(lexer) {
            (Token::Word, word) => {
                lexer.next();
                word
            }
            (Token::Comma | Token::Close, _) => "",
            (_, found) => return Err(unexpected(found, ", expected: ',', or identifier")),
        };
        values.insert(value.to_owned());
        match lexer.next() {
            (Token::Comma, _) => {}
            (Token::Close, _) => return Ok(values),
            (_, found) => return Err(unexpected(found, ", expected: ',' or ')'")),
        }
    }
}

/// `in` and `notin` are ordinary words where a key or a value is due.
fn as_operand((token, text): (Token, &str)) -> (Token, &str) {
    (if matches!(token, Token::In | Token::NotIn) { Token::Word } else { token }, text)
}

fn next_operand<'a>(lexer: &mut Lexer<'a>) -> (Token, &'a str) {
    as_operand(lexer.next())
}

fn peek_operand<'a>(lexer: &Lexer<'a>) -> (Token, &'a str) {
    as_operand(lexer.peek())
}

fn unexpected(found: &str, rest: &str) -> SelectorError {
    SelectorError(format!("found '{found}'{rest}"))
}
