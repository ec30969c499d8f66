// SPDX-License-Identifier: MIT
/// \file
/// Byte-pair encoding: merges neighboring tokens in the order in which the merges were learned.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include <pixnerd/core/error.hpp>

namespace pixnerd {

/// Two neighboring tokens and what they become. A rule's place in the list is its rank: lower ones go first.
struct BytePairRule {
  std::uint32_t left = 0, right = 0, joined = 0;
};

/// Joins tokens by rules, always the pair of lowest rank, among equals the leftmost, until none is left. Time
/// is O(n log n) in the number of tokens for every input. Source: Sennrich, Haddow, Birch, arXiv 1508.07909,
/// section 3.2, "Byte Pair Encoding (BPE)".
class BytePairs {
 public:
  BytePairs() = default;

  /// `tokens` is one more than the largest token. No pair may have two rules; see `duplicate()`.
  BytePairs(std::vector<BytePairRule> rules, std::uint32_t tokens) : rules_(std::move(rules)) {
    order_.resize(rules_.size());
    for (std::uint32_t rank = 0; rank < order_.size(); ++rank) order_[rank] = rank;
    std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
      const auto &x = rules_[a], &y = rules_[b];
      return x.left != y.left ? x.left < y.left : x.right != y.right ? x.right < y.right : a < b;
    });
    first_.assign(tokens + std::size_t{1}, 0);
    for (const auto& rule : rules_) ++first_[rule.left + std::size_t{1}];
    for (std::size_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
  }

  /// The rank of a rule whose pair an earlier rule has, or -1.
  std::int64_t duplicate() const {
    for (std::size_t i = 1; i < order_.size(); ++i) {
      const auto &a = rules_[order_[i - 1]], &b = rules_[order_[i]];
      if (a.left == b.left && a.right == b.right) return order_[i];
    }
    return -1;
  }

  /// Scratch memory, reused from call to call.
  class Scratch {
    friend class BytePairs;
    struct Node {
      std::uint32_t token, rank;  ///< of the pair with the next node
      std::int32_t previous, next;
    };
    std::vector<Node> nodes_;
    std::vector<std::uint64_t> queue_;
  };

  /// Appends what `tokens` become to `out`. At most 2^31 - 1 tokens.
  void join(std::span<const std::uint32_t> tokens, Scratch& scratch, std::vector<std::int64_t>& out) const {
    auto& nodes = scratch.nodes_;
    auto& queue = scratch.queue_;  // a heap of rank and place, the lowest first
    const auto count = tokens.size();
    if (count > std::size_t{std::numeric_limits<std::int32_t>::max()}) {
      raise<ValueError>("tokenizer", "a word below 2^31 bytes", str_cat(count));
    }
    nodes.resize(count);
    queue.clear();
    for (std::size_t i = 0; i < count; ++i) {
      const auto here = static_cast<std::int32_t>(i);
      nodes[i] = {tokens[i], none, here - 1, i + 1 < count ? here + 1 : -1};
      if (i + 1 == count) break;
      nodes[i].rank = rank(tokens[i], tokens[i + 1]);
      if (nodes[i].rank != none) queue.push_back(entry(nodes[i].rank, i));
    }
    std::make_heap(queue.begin(), queue.end(), std::greater<>());
    while (!queue.empty()) {
      std::pop_heap(queue.begin(), queue.end(), std::greater<>());
      const auto place = static_cast<std::uint32_t>(queue.back());
      const auto rank_then = static_cast<std::uint32_t>(queue.back() >> 32);
      queue.pop_back();
      auto& node = nodes[place];
      if (node.rank != rank_then) continue;  // one of the pair has been joined to another since
      node.token = rules_[rank_then].joined;
      auto& gone = nodes[static_cast<std::size_t>(node.next)];
      gone.rank = none;
      node.next = gone.next;
      if (node.next >= 0)
        nodes[static_cast<std::size_t>(node.next)].previous = static_cast<std::int32_t>(place);
      renew(scratch, static_cast<std::int32_t>(place));
      if (node.previous >= 0) renew(scratch, node.previous);
    }
    for (std::int32_t i = count == 0 ? -1 : 0; i >= 0; i = nodes[static_cast<std::size_t>(i)].next) {
      out.push_back(nodes[static_cast<std::size_t>(i)].token);
    }
  }

 private:
  static constexpr std::uint32_t none = 0xffff'ffff;

  static std::uint64_t entry(std::uint32_t rank, std::size_t place) {
    return std::uint64_t{rank} << 32 | place;
  }

  /// Finds the rank of a node and the next, and queues it.
  void renew(Scratch& scratch, std::int32_t place) const {
    auto& node = scratch.nodes_[static_cast<std::size_t>(place)];
    node.rank =
        node.next < 0 ? none : rank(node.token, scratch.nodes_[static_cast<std::size_t>(node.next)].token);
    if (node.rank == none) return;
    scratch.queue_.push_back(entry(node.rank, static_cast<std::size_t>(place)));
    std::push_heap(scratch.queue_.begin(), scratch.queue_.end(), std::greater<>());
  }

  std::uint32_t rank(std::uint32_t left, std::uint32_t right) const {
    const auto begin = order_.begin() + first_[left], end = order_.begin() + first_[left + std::size_t{1}];
    const auto found = std::lower_bound(begin, end, right, [&](std::uint32_t rank, std::uint32_t token) {
      return rules_[rank].right < token;
    });
    return found != end && rules_[*found].right == right ? *found : none;
  }

  std::vector<BytePairRule> rules_;   ///< by rank
  std::vector<std::uint32_t> order_;  ///< ranks, sorted by the pair
  std::vector<std::uint32_t> first_;  ///< where the rules of a left token begin in order_
};

}  // namespace pixnerd
