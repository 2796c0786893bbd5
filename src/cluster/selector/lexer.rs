//! Text to tokens.

/// One token; the text it was made from goes into error sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    End,
    Word,
    In,
    NotIn,
    Not,
    Equals,
    DoubleEquals,
    NotEquals,
    GreaterThan,
    LessThan,
    Comma,
    Open,
    Close,
}

/// Hands out tokens one by one, with one token of lookahead.
pub(super) struct Lexer<'a> {
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// The next token and its text; [`Token::End`] for ever after the last.
    pub(super) fn next(&mut self) -> (Token, &'a str) {
        let (token, text, rest) = scan(self.rest);
        self.rest = rest;
        (token, text)
    }

    /// The same, without taking it.
    pub(super) fn peek(&self) -> (Token, &'a str) {
        let (token, text, _) = scan(self.rest);
        (token, text)
    }
}

/// The first token of `text`, its text, and what follows.
fn scan(text: &str) -> (Token, &str, &str) {
    let text = text.trim_start_matches([' ', '\t', '\r', '\n']);
    let longest_first = [
        ("==", Token::DoubleEquals),
        ("!=", Token::NotEquals),
        ("=", Token::Equals),
        ("!", Token::Not),
        (",", Token::Comma),
        ("(", Token::Open),
        (")", Token::Close),
        (">", Token::GreaterThan),
        ("<", Token::LessThan),
    ];
    for (symbol, token) in longest_first {
        if let Some(rest) = text.strip_prefix(symbol) {
            return (token, symbol, rest);
        }
    }
    let ends_word = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n' | '=' | '!' | ',' | '(' | ')' | '>' | '<');
    let (word, rest) = text.split_at(text.find(ends_word).unwrap_or(text.len()));
    let token = match word {
        "" => Token::End,
        "in" => Token::In,
        "notin" => Token::NotIn,
        _ => Token::Word,
    };
    (token, word, rest)
}
