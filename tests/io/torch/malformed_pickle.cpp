// SPDX-License-Identifier: MIT
/// \file
/// Pickles that torch.save never writes: instructions that build no data, lengths that lie, values that hold
/// themselves or each other many times over.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "support/hostile.hpp"
#include "support/read_tensors.hpp"
#include "support/torch_tools.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace p = pixnerd::test::pickled;

BOOST_AUTO_TEST_SUITE(malformed_pickle)

namespace {

std::string times(std::size_t count, const std::string& what) {
  std::string out;
  out.reserve(count * what.size());
  for (std::size_t i = 0; i < count; ++i) out += what;
  return out;
}

std::string filled(std::size_t count, char what) {
  return std::string(count, what);
}

/// Pickles, without the protocol that begins them.
void check(const std::vector<Defect>& pickles) {
  std::vector<Defect> files;
  for (const auto& [name, bytes, word] : pickles) {
    files.push_back({name, make_zip(checkpoint_parts("\x80\x02" + bytes, {{"0", filled(16, 'x')}})), word});
  }
  check_refused(files, "file.ckpt", read_tensors);
}

}  // namespace

BOOST_AUTO_TEST_CASE(instructions_that_build_no_data) {
  check({
      {"INST", "(S'true'\niposix\nsystem\n.", "instruction"},
      {"INST of a known name", "(icollections\nOrderedDict\n.", "instruction 105 (INST)"},
      {"OBJ", "(ccollections\nOrderedDict\no.", "instruction 111 (OBJ)"},
      {"PERSID", "Psomething\n.", "instruction 80 (PERSID)"},
      {"NEWOBJ", "ccollections\nOrderedDict\n)\x81.", "instruction 129 (NEWOBJ)"},
      {"NEWOBJ_EX", "ccollections\nOrderedDict\n)}\x92.", "instruction 146 (NEWOBJ_EX)"},
      {"EXT1", "\x82\1.", "instruction 130 (EXT1)"},
      {"EXT2", "\x83\1\1.", "instruction 131 (EXT2)"},
      {"EXT4", "\x84\1\1\1\1.", "instruction 132 (EXT4)"},
      {"EMPTY_SET", "\x8f.", "instruction 143 (EMPTY_SET)"},
      {"ADDITEMS", "](K\1\x90.", "instruction 144 (ADDITEMS)"},
      {"FROZENSET", "(K\1\x91.", "instruction 145 (FROZENSET)"},
      {"BYTEARRAY8", "\x96\1\0\0\0\0\0\0\0a."s, "instruction 150 (BYTEARRAY8)"},
      {"NEXT_BUFFER", "\x97.", "instruction 151 (NEXT_BUFFER)"},
      {"READONLY_BUFFER", "N\x98.", "instruction 152 (READONLY_BUFFER)"},
      {"unknown instruction", "\xff.", "instruction 255"},
      {"zero", "\0."s, "instruction 0"},
  });
}

BOOST_AUTO_TEST_CASE(names_that_are_not_data) {
  const std::string arguments = "(" + p::string("touch /tmp/pixnerd-was-here") + "tR.";
  check({
      {"eval", "cbuiltins\neval\n" + arguments, "'builtins.eval', which is not data and was not called"},
      {"eval of Python 2", "c__builtin__\neval\n" + arguments, "'__builtin__.eval'"},
      {"os.system", "cos\nsystem\n" + arguments, "'os.system'"},
      {"posix.system", "cposix\nsystem\n" + arguments, "'posix.system'"},
      {"Popen", "csubprocess\nPopen\n" + arguments, "'subprocess.Popen'"},
      {"getattr", "cbuiltins\ngetattr\n" + arguments, "'builtins.getattr'"},
      {"torch.load", "ctorch\nload\n" + arguments, "'torch.load'"},
      {"another rebuild", "ctorch._utils\n_rebuild_sparse_tensor\n" + arguments,
       "'torch._utils._rebuild_sparse_tensor'"},
      {"a name that begins as a known one", "ccollections\nOrderedDict.update\n.",
       "'collections.OrderedDict.update'"},
      {"a module that ends in a known name", "cx.torch\nFloatStorage\n.", "'x.torch.FloatStorage'"},
      {"an empty name", "c\n\n.", "'.'"},
      {"from the stack", p::string("os") + p::string("system") + "\x93" + arguments, "'os.system'"},
      {"numbers as a name from the stack", "K\1K\2\x93.", "expected a name"},
      {"a name from an empty stack", "\x93.", "a value on the stack"},
      {"a long name", "c" + filled(2000, 'm') + "\nx\n.", "at most 1000 characters"},
      {"control characters", "cos\x1b[2J\nsystem\n.", "'os?[2J.system'"},
      {"a name without its end", "cos", "the end of a line"},
      {"a call of a string", p::string("os.system") + arguments, "a call of a known name"},
      {"a call of a tensor", p::tensor(p::storage("FloatStorage", "0", 4), 0, {4}, {1}) + ")R.",
       "another call"},
      {"arguments in a list", "ccollections\nOrderedDict\n]R.", "a tuple of arguments"},
      {"a call of nothing", ")R.", "a value on the stack"},
  });
}

BOOST_AUTO_TEST_CASE(lengths_that_lie) {
  check({
      {"nothing", "", "1 more bytes"},
      {"no end", "}", "1 more bytes"},
      {"an end without a value", ".", "a value on the stack"},
      {"protocol 6", "\x80\6N.", "protocol 0 to 5"},
      {"BINUNICODE",
       "X\xff\xff\xff\xff"
       "abc.",
       "4294967295 more bytes"},
      {"BINUNICODE8", "\x8d" + little_endian(std::uint64_t{1} << 63, 8) + "abc.",
       "9223372036854775808 more bytes"},
      {"SHORT_BINUNICODE",
       "\x8c\xff"
       "abc.",
       "255 more bytes"},
      {"BINBYTES",
       "B\xff\xff\xff\x7f"
       "abc.",
       "2147483647 more bytes"},
      {"BINBYTES8", "\x8e" + filled(8, '\xff') + "abc.", "18446744073709551615 more bytes"},
      {"SHORT_BINBYTES",
       "C\xff"
       "abc.",
       "255 more bytes"},
      {"BINSTRING",
       "T\xff\xff\xff\xff"
       "abc.",
       "4294967295 more bytes"},
      {"SHORT_BINSTRING",
       "U\xff"
       "abc.",
       "255 more bytes"},
      {"LONG1",
       "\x8a\xff"
       "abc.",
       "255 more bytes"},
      {"LONG4",
       "\x8b\xff\xff\xff\x7f"
       "abc.",
       "2147483647 more bytes"},
      {"LONG4, negative",
       "\x8b\xff\xff\xff\xff"
       "abc.",
       "4294967295 more bytes"},
      {"FRAME", "\x95" + little_endian(std::uint64_t{1} << 62, 8) + "N.", "a frame within the pickle"},
      {"BININT", "J\1", "4 more bytes"},
      {"BINFLOAT", "G\1\1", "8 more bytes"},
      {"INT", "I12", "the end of a line"},
      {"INT without digits", "Ione\n.", "a decimal integer"},
      {"INT of many digits", "I" + filled(1 << 20, '9') + "\n.", "a decimal integer"},
      {"UNICODE without its end", "Vabc", "the end of a line"},
  });
}

BOOST_AUTO_TEST_CASE(stack_and_memory) {
  check({
      {"BINGET of nothing", "h\7.", "one that was never stored"},
      {"GET of nothing", "g7\n.", "one that was never stored"},
      {"GET below zero", "Np0\ng-1\n.", "one that was never stored"},
      {"GET of a word", "gx\n.", "a decimal integer"},
      {"LONG_BINGET", "j\xff\xff\xff\xff.", "one that was never stored"},
      {"GET between stored", "Nq\5h\4.", "one that was never stored"},
      {"PUT below zero", "Np-1\n.", "remembered values"},
      {"LONG_BINPUT", "Nr\xff\xff\xff\xff.", "remembered values"},
      {"PUT of nothing", "q\0."s, "a value on the stack"},
      {"MEMOIZE of nothing", "\x94.", "a value on the stack"},
      {"APPEND to a dictionary", "}Na.", "a list to append to"},
      {"APPEND of nothing", "a.", "a value on the stack"},
      {"APPENDS without a mark", "]NNe.", "a mark on the stack"},
      {"APPEND below a mark", "](Na.", "a value on the stack"},
      {"SETITEM on a list", "]NNs.", "a dictionary to add to"},
      {"SETITEMS of a key alone", "}(Nu.", "a value for each key"},
      {"DICT of a key alone", "(Nd.", "a value for each key"},
      {"TUPLE without a mark", "NNt.", "a mark on the stack"},
      {"TUPLE3 of two", "NN\x87.", "a value on the stack"},
      {"LIST without a mark", "l.", "a mark on the stack"},
      {"POP of nothing", "0.", "a value on the stack"},
      {"POP_MARK without a mark", "N1.", "a mark on the stack"},
      {"DUP of nothing", "2.", "a value on the stack"},
      {"DUP below a mark", "N(2.", "a value on the stack"},
      {"BINPERSID of nothing", "Q.", "a value on the stack"},
      {"BUILD of nothing", "}b.", "a value on the stack"},
      {"an end below a mark", "N(.", "a value on the stack"},
  });
}

BOOST_AUTO_TEST_CASE(nests_and_cycles) {
  const std::string levels = "levels of containers, or one that holds itself";
  const std::string name = p::string("a");
  const std::string tensor = p::tensor(p::storage("FloatStorage", "0", 4), 0, {4}, {1});
  std::string parameters = tensor;
  for (int i = 0; i < 100; ++i) parameters = p::parameter(parameters);
  check({
      {"marks", filled(1'000'000, '(') + ".", "10000 marks"},
      {"marks beyond", filled(30'000'000, '(') + ".", "10000 marks"},
      {"lists", filled(100'000, ']') + filled(99'999, 'a') + ".", "levels of containers"},
      {"tuples", ")" + filled(100'000, '\x85') + ".", "levels of containers"},
      {"dictionaries", times(50'000, "}" + name) + "}" + filled(50'000, 's') + ".", "levels of containers"},
      {"parameters of parameters", "}" + name + parameters + "s.", "a parameter with a tensor"},
      {"a list in itself", "]q\0h\0a."s, "one that holds itself"},
      {"a dictionary in itself",
       "}q\0"
       "X\1\0\0\0ah\0s."s,
       "one that holds itself"},
      {"an ordered dictionary in itself",
       "ccollections\nOrderedDict\n)Rq\0"
       "X\1\0\0\0ah\0s."s,
       "one that holds itself"},
      {"a list in a tuple in itself",
       "]q\0h\0\x85"
       "a."s,
       "one that holds itself"},
      {"two lists in each other", "]q\0]q\1h\0ah\0h\1a."s, "one that holds itself"},
      {"a list twice in itself", "]q\0h\0ah\0a."s, "one that holds itself"},
      {"a list a thousand times in itself", "]q\0("s + times(1000, "h\0"s) + "e.", "one that holds itself"},
  });
}

BOOST_AUTO_TEST_CASE(bombs) {
  std::string tuples = "Nq\0"s, lists = "Nq\0"s, dictionaries = "Nq\0"s, doubles = "N";
  for (char level = 1; level <= 20; ++level) {
    const std::string before{'h', static_cast<char>(level - 1)}, store{'q', level};
    tuples += "(" + times(10, before) + "t" + store;
    lists += "](" + times(10, before) + "e" + store;
    dictionaries += "}(";
    for (int key = 0; key < 10; ++key) dictionaries += "K" + std::string(1, static_cast<char>(key)) + before;
    dictionaries += "u" + store;
  }
  for (int level = 0; level < 28; ++level) doubles += "2\x86";
  const std::string tensor = p::tensor(p::storage("FloatStorage", "0", 4), 0, {4}, {1});
  const std::string long_name = p::string(filled(16 << 20, 'n'));
  check({
      {"tuples of ten", tuples + ".", "at most 400000 values"},
      {"lists of ten", lists + ".", "at most 400000 values"},
      {"dictionaries of ten", dictionaries + ".", "at most 400000 values"},
      {"pairs of a value twice", doubles + ".", "at most 400000 values"},
      {"a million values", filled(1'000'000, 'N') + ".", "at most 400000 values"},
      {"values that are dropped", times(1'000'000, "N0") + "N.", "at most 400000 values"},
      {"a stack of one value", "N" + filled(30'000'000, '2') + ".", "at most 800000 values on the stack"},
      {"a list of one value", "](N" + filled(900'000, '2') + "e.", "at most 800000"},
      {"remembered values", times(450'000, ")\x94") + ".", "at most 400000 values"},
      {"a tensor in many places", "}(K\1](" + tensor + filled(40'000, '2') + "eu.", "at most 32768 tensors"},
      {"a long name for many values", "}" + long_name + "](" + filled(400'000, 'N') + "es.",
       "at most 400000 values"},
      {"a long name of a tensor", "}" + long_name + tensor + "s.", "names of at most 1000 characters"},
      {"long names of many tensors",
       "}" + p::string(filled(900, 'n')) + "](" + tensor + filled(30'000, '2') + "es.",
       "names of at most 4194304 bytes"},
      {"a name for two tensors",
       p::dictionary({{"a.b", tensor}, {"a", p::dictionary({{"b", tensor}})}}) + ".",
       "one tensor of each name"},
  });
}

/// What a pickle may do, though torch.save does not.
BOOST_AUTO_TEST_CASE(odd_pickles_that_load) {
  const Folder folder;
  const std::string tensor = p::tensor(p::storage("FloatStorage", "0", 4), 0, {4}, {1});
  const std::string weights = p::dictionary({{"w", tensor}});
  for (const std::string& pickle :
       {weights, weights + "(NN1", "N0" + weights, weights + "}b", "]" + weights + "0" + weights,
        "\x95\1\0\0\0\0\0\0\0"s + weights, weights + "\x94", p::string("unused") + weights}) {
    write_file_atomic(folder / "odd.ckpt",
                      make_zip(checkpoint_parts(p::whole(pickle), {{"0", filled(16, '\0')}})));
    const TorchCheckpoint file(folder / "odd.ckpt");
    BOOST_TEST((file.read<float>("w") == std::vector<float>(4)));
  }
}

/// The state that BUILD would set is dropped: no attribute, and no name of a method, means anything here.
BOOST_AUTO_TEST_CASE(state_is_dropped) {
  const Folder folder;
  const std::string tensor = p::tensor(p::storage("FloatStorage", "0", 4), 0, {4}, {1});
  const std::string state = p::dictionary({{"__setstate__", p::string("x")}, {"w", tensor}});
  write_file_atomic(
      folder / "state.ckpt",
      make_zip(checkpoint_parts(p::whole(p::global("collections", "OrderedDict") + ")R" + state + "b"), {})));
  BOOST_TEST(TorchCheckpoint(folder / "state.ckpt").entries().empty());
}

BOOST_AUTO_TEST_SUITE_END()
