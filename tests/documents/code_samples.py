"""One file in each language that is read by syntax, and what must be found in it.

`FILL` stands for as many statements as make a definition too long for one piece.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

STATEMENTS = 30


@dataclass(frozen=True)
class Sample:
    """A file, the headings of its pieces in order, and lines that each stand in the piece of a heading."""

    name: str
    written: str
    headings: tuple[str, ...]
    held: tuple[tuple[str, str], ...]
    statement: str = "total = total + measure(1234567);"

    @property
    def source(self) -> str:
        """The text of the file."""
        return re.sub(
            r"^(\s*)FILL\n",
            lambda match: f"{match[1]}{self.statement}\n" * STATEMENTS,
            self.written,
            flags=re.MULTILINE,
        )


SAMPLES = {
    "Python": Sample(
        "shop.py",
        '''"""A shop."""

import os

LIMIT = 3


@registered("basket")
class Basket(dict):
    """What somebody wants to buy."""

    # Adds one article.
    @counted
    async def add(self, article):
        """Put an article into the basket."""
        FILL
        return total

    class Line:
        """One article of a basket."""

        def price(self):
            FILL

    def size(self):
        return len(self)


def empty():
    return Basket()


def full():
    return LIMIT
''',
        (
            "class Basket",
            "class Basket > async def add",
            "class Basket > class Line > def price",
            "class Basket > def size",
            "def empty, def full",
        ),
        (
            ("class Basket > async def add", "# Adds one article."),
            ("class Basket > async def add", "@counted"),
            ("class Basket > async def add", '"""Put an article into the basket."""'),
            ("class Basket > class Line > def price", '"""One article of a basket."""'),
        ),
        statement="total = total + measure(1234567)",
    ),
    "JavaScript": Sample(
        "shop.js",
        """import fs from "fs";

/** What somebody wants to buy. */
export class Basket extends Map {
  #articles = [];

  /** Puts an article into the basket. */
  @counted
  async add(article) {
    FILL
  }

  size = () => {
    FILL
  };
}

/** Sums prices up. */
export const sum = (prices) => {
  FILL
};

Basket.prototype.clear = function () {
  FILL
};

module.exports = {
  find: function (name) {
    FILL
  },
};

function* all() {}
""",
        (
            "class Basket",
            "class Basket > async add",
            "class Basket > size",
            "const sum",
            "Basket.prototype.clear",
            "find",
            "function* all",
        ),
        (
            ("class Basket > async add", "/** Puts an article into the basket. */"),
            ("class Basket > async add", "@counted"),
            ("const sum", "/** Sums prices up. */"),
        ),
    ),
    "TypeScript": Sample(
        "shop.ts",
        """import { Article } from "./article";

namespace Shop {
  /** What can be bought. */
  export interface Priced { price(): number }

  @Injectable()
  export abstract class Basket<T extends Article> implements Priced {
    /** Puts an article into the basket. */
    public async add(article: T): Promise<void> {
      FILL
    }

    private readonly size = (): number => {
      FILL
    };
  }
}

export type Name = string;
enum Color { Red, Green }
declare function alert(text: string): void;
""",
        (
            "namespace Shop > interface Priced",
            "namespace Shop > abstract class Basket",
            "namespace Shop > abstract class Basket > async add",
            "namespace Shop > abstract class Basket > size",
            "type Name, enum Color, function alert",
        ),
        (
            ("namespace Shop > abstract class Basket > async add", "/** Puts an article into the basket. */"),
            ("namespace Shop > abstract class Basket", "@Injectable()"),
        ),
    ),
    "TSX": Sample(
        "shop.tsx",
        """/** Shows a basket. */
export const Basket: FC<Props> = ({ articles }) => {
  FILL
  return <ul className="basket">{articles.map((each) => <li>{each.name}</li>)}</ul>;
};

export default function Shop() {
  FILL
  return <Basket articles={[]} />;
}
""",
        ("const Basket: FC<Props>", "function Shop"),
        (("const Basket: FC<Props>", "/** Shows a basket. */"), ("function Shop", "return <Basket articles={[]} />;")),
    ),
    "Go": Sample(
        "shop.go",
        """// Package shop sells.
package shop

import "fmt"

// Basket is what somebody wants to buy.
type Basket struct {
	articles []Article
}

// Add puts an article into the basket.
func (b *Basket) Add(article Article) error {
	FILL
	return nil
}

func Sum(prices ...int) (total int) {
	FILL
	return
}
""",
        ("type Basket struct", "func (b *Basket) Add", "func Sum"),
        (("type Basket struct", "// Basket is what somebody wants to buy."), ("func (b *Basket) Add", "// Add puts")),
        statement="total = total + measure(1234567)",
    ),
    "Rust": Sample(
        "shop.rs",
        """//! Sells.
use std::fmt;

/// What somebody wants to buy.
#[derive(Debug, Clone)]
pub struct Basket<T> {
    articles: Vec<T>,
}

impl<T: Article> fmt::Display for Basket<T> {
    /// Writes all articles.
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        FILL
    }
}

mod stock {
    pub(crate) async fn find(name: &str) -> Option<usize> {
        FILL
    }

    trait Counted {
        fn count(&self) -> usize;
    }
}

macro_rules! basket {
    () => { Basket::new() };
}
""",
        (
            "struct Basket",
            "impl<T: Article> fmt::Display for Basket<T> > fn fmt",
            "mod stock > async fn find",
            "mod stock > trait Counted",
            "macro_rules! basket",
        ),
        (
            ("struct Basket", "#[derive(Debug, Clone)]"),
            ("struct Basket", "/// What somebody wants to buy."),
            ("impl<T: Article> fmt::Display for Basket<T> > fn fmt", "/// Writes all articles."),
            ("impl<T: Article> fmt::Display for Basket<T> > fn fmt", "#[inline]"),
        ),
    ),
    "Java": Sample(
        "Shop.java",
        """package shop;

import java.util.List;

/** What somebody wants to buy. */
@Entity
public final class Basket<T> extends Shelf {
    private int total;

    /** Puts an article into the basket. */
    @Override
    public static <A> List<A> add(A article) throws Full {
        FILL
    }

    Basket(int size) {
        FILL
    }

    enum Color { RED, GREEN }
}

interface Priced { int price(); }

record Line(int price) {}
""",
        (
            "class Basket",
            "class Basket > <A> List<A> add",
            "class Basket > Basket",
            "class Basket > enum Color",
            "interface Priced, record Line",
        ),
        (
            ("class Basket > <A> List<A> add", "/** Puts an article into the basket. */"),
            ("class Basket > <A> List<A> add", "@Override"),
        ),
    ),
    "C": Sample(
        "shop.c",
        """#include <stdio.h>

#define DOUBLE(x) ((x) * 2)

/* What somebody wants to buy. */
typedef struct basket {
    int size;
} basket_t;

struct point { int x, y; };

static struct point origin = { 0, 0 };

/* Puts an article
   into the basket. */
static int *add_article(basket_t *basket, int article)
{
    FILL
    return &total;
}

int
old_style(size)
    int size;
{
    FILL
}
""",
        ("#define DOUBLE, typedef basket_t, struct point", "int *add_article", "int old_style"),
        (
            ("#define DOUBLE, typedef basket_t, struct point", "/* What somebody wants to buy. */"),
            ("int *add_article", "/* Puts an article"),
        ),
    ),
    "C++": Sample(
        "shop.h",
        """#ifndef SHOP_H
#define SHOP_H

namespace shop {

/// What somebody wants to buy.
template <typename T>
class Basket : public Shelf {
 public:
  explicit Basket(int size);

  /// Puts an article into the basket.
  virtual std::vector<T> add(const T& article) const override {
    FILL
  }

  struct Line {
    double price() const {
      FILL
    }
  };
};

template <typename T>
Basket<T>::~Basket() {
  FILL
}

}  // namespace shop

extern "C" {
int shop_open(void) {
  FILL
}
}
#endif
""",
        (
            "namespace shop > class Basket",
            "namespace shop > class Basket > virtual std::vector<T> add",
            "namespace shop > class Basket > struct Line > double price",
            "namespace shop > Basket<T>::~Basket",
            "int shop_open",
        ),
        (
            ("namespace shop > class Basket > virtual std::vector<T> add", "  /// Puts an article into the basket."),
            ("namespace shop > Basket<T>::~Basket", "template <typename T>"),
        ),
    ),
    "C#": Sample(
        "Shop.cs",
        """using System;

namespace Shop.Core
{
    /// <summary>What somebody wants to buy.</summary>
    [Serializable]
    public partial class Basket : Shelf
    {
        /// <summary>Puts an article into the basket.</summary>
        [HttpPost("add")]
        public async Task<int> AddAsync<T>(T article) where T : class
        {
            FILL
        }

        public int Size
        {
            get
            {
                FILL
            }
        }

        class Line
        {
            ~Line() { FILLED(); }
        }
    }

    public record Price(decimal Amount);
}
""",
        (
            "namespace Shop.Core > class Basket",
            "namespace Shop.Core > class Basket > Task<int> AddAsync",
            "namespace Shop.Core > class Basket > int Size",
            "namespace Shop.Core > class Basket > class Line",
            "namespace Shop.Core > record Price",
        ),
        (
            ("namespace Shop.Core > class Basket > Task<int> AddAsync", '[HttpPost("add")]'),
            ("namespace Shop.Core > class Basket > Task<int> AddAsync", "<summary>Puts an article into the basket."),
        ),
    ),
    "Ruby": Sample(
        "shop.rb",
        """# frozen_string_literal: true

require "set"

module Shop
  # What somebody wants to buy.
  class Basket < Shelf
    attr_reader :size

    # Puts an article into the basket.
    def add(article)
      FILL
    end

    def self.open!
      FILL
    end

    class << self
      def close; end
    end
  end
end
""",
        (
            "module Shop > class Basket",
            "module Shop > class Basket > def add",
            "module Shop > class Basket > def self.open!",
            "module Shop > class Basket > class << self",
        ),
        (("module Shop > class Basket > def add", "# Puts an article into the basket."),),
        statement="total = total + measure(1234567)",
    ),
    "PHP": Sample(
        "shop.php",
        """<html><?php
namespace Shop\\Core;

use Shop\\Shelf;

/** What somebody wants to buy. */
#[Entity]
final class Basket extends Shelf implements Priced
{
    use Counted;

    /** Puts an article into the basket. */
    #[Route("/add")]
    public static function add(Article $article): ?int
    {
        FILL
    }

    private function size(): int
    {
        FILL
    }
}

interface Priced { public function price(): int; }

function open_shop(): void {}
?>
</html>
""",
        (
            "namespace Shop\\Core",
            "class Basket",
            "class Basket > function add",
            "class Basket > function size",
            "interface Priced, function open_shop",
        ),
        (
            ("class Basket > function add", "/** Puts an article into the basket. */"),
            ("class Basket > function add", '#[Route("/add")]'),
        ),
        statement="$total = $total + measure(1234567);",
    ),
    "Shell": Sample(
        "shop.sh",
        """#!/bin/bash
set -eu

# Puts an article into the basket.
add_article() {
    FILL
}

function open_shop {
    FILL
}

add_article "$@"
""",
        ("add_article", "function open_shop"),
        (("add_article", "# Puts an article into the basket."),),
        statement='total=$((total + $(measure "1234567")))',
    ),
    "SQL": Sample(
        "shop.sql",
        """-- What somebody wants to buy.
CREATE TABLE IF NOT EXISTS shop.basket (
    FILL
    id integer PRIMARY KEY
);

/* Puts an article into the basket. */
CREATE OR REPLACE FUNCTION add_article(article integer) RETURNS integer AS $$
BEGIN
    RETURN article;
END;
$$ LANGUAGE plpgsql;

CREATE VIEW full_basket AS SELECT * FROM shop.basket;

INSERT INTO shop.basket VALUES (1);
""",
        ("CREATE TABLE IF NOT EXISTS shop.basket", "CREATE OR REPLACE FUNCTION add_article, CREATE VIEW full_basket"),
        (
            ("CREATE TABLE IF NOT EXISTS shop.basket", "-- What somebody wants to buy."),
            (
                "CREATE OR REPLACE FUNCTION add_article, CREATE VIEW full_basket",
                "/* Puts an article into the basket. */",
            ),
        ),
        statement="price_of_article numeric(10, 2) NOT NULL,",
    ),
    "Kotlin": Sample(
        "shop.kt",
        """package shop

import kotlin.math.max

/** What somebody wants to buy. */
@Serializable
data class Basket(val size: Int) : Shelf(size) {
    /** Puts an article into the basket. */
    @Counted
    override suspend fun add(article: Article): Int {
        FILL
        return total
    }

    companion object {
        fun open(): Basket {
            FILL
            return Basket(0)
        }
    }
}

object Shop { fun close() { } }
""",
        (
            "class Basket",
            "class Basket > fun add",
            "class Basket > companion object > fun open",
            "object Shop",
        ),
        (
            ("class Basket > fun add", "/** Puts an article into the basket. */"),
            ("class Basket > fun add", "@Counted"),
        ),
        statement="total = total + measure(1234567)",
    ),
    "Swift": Sample(
        "shop.swift",
        """import Foundation

/// What somebody wants to buy.
@objc public final class Basket: Shelf {
    /// Puts an article into the basket.
    @discardableResult
    func add(_ article: Article) -> Int {
        FILL
        return total
    }

    init(size: Int) {
        FILL
    }
}

extension Basket { func clear() {} }
protocol Priced { func price() -> Int }
""",
        ("class Basket", "class Basket > func add", "class Basket > init", "extension Basket, protocol Priced"),
        (
            ("class Basket > func add", "/// Puts an article into the basket."),
            ("class Basket > func add", "@discardableResult"),
        ),
        statement="total = total + measure(1234567)",
    ),
    "Scala": Sample(
        "shop.scala",
        """package shop

/** What somebody wants to buy. */
case class Basket(size: Int) extends Shelf {
  /** Puts an article into the basket. */
  @counted
  override def add(article: Article): Int = {
    FILL
    total
  }
}

object Shop {
  def open(): Unit = {
    FILL
  }
}

trait Priced { def price: Int }
""",
        ("case class Basket", "case class Basket > def add", "object Shop > def open", "trait Priced"),
        (
            ("case class Basket > def add", "/** Puts an article into the basket. */"),
            ("case class Basket > def add", "@counted"),
        ),
        statement="total = total + measure(1234567)",
    ),
    "Lua": Sample(
        "shop.lua",
        """local shop = {}

--- Puts an article into the basket.
function shop.add(article)
  FILL
end

local function open()
  FILL
end

shop.close = function()
  FILL
end

return shop
""",
        ("function shop.add", "local function open", "shop.close"),
        (("function shop.add", "--- Puts an article into the basket."),),
        statement="total = total + measure(1234567)",
    ),
    "Haskell": Sample(
        "Shop.hs",
        """module Shop where

import Data.List (sort)

-- | What somebody wants to buy.
data Basket = Basket [Article] | Empty

-- | Puts an article into the basket.
add :: Article -> Basket -> Basket
add article basket = do
  FILL
  return total

class Priced a where
  price :: a -> Int
""",
        ("data Basket", "add", "class Priced"),
        (
            ("data Basket", "-- | What somebody wants to buy."),
            ("add", "-- | Puts an article into the basket."),
            ("add", "add :: Article"),
        ),
        statement="total <- measure 1234567 total",
    ),
    "CSS": Sample(
        "shop.css",
        """@import url("base.css");

/* What somebody wants to buy. */
.basket > li:hover {
  FILL
}

@media (max-width: 600px) {
  .basket {
    FILL
  }
}
""",
        (".basket > li:hover", "@media (max-width: 600px) > .basket"),
        ((".basket > li:hover", "/* What somebody wants to buy. */"),),
        statement="background-position: 1234567px 1234567px;",
    ),
}
