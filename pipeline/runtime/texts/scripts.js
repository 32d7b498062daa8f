// Scripts of characters, as the ICU in TensorFlow numbers them (icu4c/source/common/unicode/uscript.h).
'use strict';

// The scripts of ICU 69 (Unicode 13) by number; a hyphen where no character has one.
const SCRIPTS = (
  'Zyyy Zinh Arab Armn Beng Bopo Cher Copt Cyrl Dsrt Deva Ethi Geor Goth Grek Gujr Guru Hani ' +
  'Hang Hebr Hira Knda Kana Khmr Laoo Latn Mlym Mong Mymr Ogam Ital Orya Runr Sinh Syrc Taml ' +
  'Telu Thaa Thai Tibt Cans Yiii Tglg Hano Buhd Tagb Brai Cprt Limb Linb Osma Shaw Tale Ugar - ' +
  'Bugi Glag Khar Sylo Talu Tfng Xpeo Bali Batk - Brah Cham - - - - Egyp - - - Hmng Hung - Java ' +
  'Kali - - Lepc Lina Mand - Mero Nkoo Orkh Perm Phag Phnx Plrd - - - - - - Vaii - Xsux - - ' +
  'Cari - Lana Lyci Lydi Olck Rjng Saur Sgnw Sund - Mtei Armi Avst Cakm - Kthi Mani Phli Phlp - ' +
  'Prti Samr Tavt - - Bamu Lisu - Sarb Bass Dupl Elba Gran - - Mend Merc Narb Nbat Palm Sind ' +
  'Wara - - Mroo Nshu Shrd Sora Takr Tang - Hluw Khoj Tirh Aghb Mahj Ahom Hatr Modi Mult Pauc ' +
  'Sidd Adlm Bhks Marc Newa Osge - - - Gonm Soyo Zanb Dogr Gong Maka Medf Rohg Sogd Sogo Elym ' +
  'Hmnp Nand Wcho Chrs Diak Kits Yezi'
).split(' ');
const UNKNOWN = 103;
// What Unicode 13 leaves open and a later one has filled, with the rest of each gap.
const YOUNGER = (
  '61d 86b-89f 8b5 8c8-8d2 c3a-c3c c5b-c5f cd7-cdd cf3-cff ece-ecf 170d 1715-171f 180f ' +
  '1ac1-1aff 1b4c-1b4f 1b7d-1b7f 1c89-1c8f 1dfa 20c0-20cf 2427-243f 2c2f 2c5f 2e53-2e7f ' +
  '2ffc-2fff 31e4-31ef 9ffd-9fff a7c0-a7c1 a7cb-a7f4 fbc2-fbd2 fd40-fd4f fdc8-fdef fdfe-fdff ' +
  '10768-107ff 10eb2-10eff 11070-1107e 110c2-110cc 1123f-1127f 116b9-116bf 116ca-116ff ' +
  '11740-117ff 11aa3-11abf 11af9-11bff 1342f 13439-143ff 18cd6-18cff 18d09-1afff 1b11f-1b14f ' +
  '1b153-1b163 1bca4-1cfff 1d1e9-1d1ff 1d246-1d2df 1dab0-1dfff 1e02b-1e0ff 1e300-1e7ff ' +
  '1f6d8-1f6df 1f774-1f77f 1f7d9-1f7df 1f7ec-1f7ff 1f8b2-1f8ff 1f979 1f9cc 1fa75-1fa77 ' +
  '1fa7b-1fa7f 1fa87-1fa8f 1faa9-1faaf 1fab7-1fabf 1fac3-1facf 1fad7-1faff 1fbcb-1fbef ' +
  '2a6de-2a6ff 2b735-2b73f 2ebe1-2f7ff 3134b-e0000'
).split(' ').map((range) => range.split('-').map((code) => parseInt(code, 16)));
const OPEN = /[\p{Cn}\p{Co}\p{Cs}]/u;
// The hooks of Old Chinese were common to all scripts before they became Han.
const MOVED = new Map([[0x16fe2, 0], [0x16fe3, 0]]);

const matchers = [];
function listMatchers() {
  if (!matchers.length) {
    SCRIPTS.forEach((name, number) => name === '-'
      || matchers.push({number, regex: new RegExp(`\\p{Script=${name}}`, 'u')}));
  }
  return matchers;
}

function findScript(code) {
  if (code < 0 || code > 0x10ffff) return -1;
  const char = String.fromCodePoint(code);
  const isUnknown = OPEN.test(char) || YOUNGER.some(([first, last = first]) => first <= code && code <= last);
  if (isUnknown) return UNKNOWN;
  return MOVED.get(code) ?? listMatchers().find(({regex}) => regex.test(char))?.number ?? UNKNOWN;
}

// unicode_script_op.cc: uscript_getScript(), and -1 for a number that is no code point.
function findScripts(tf, node) {
  const [tensor] = node.inputs;
  return tf.tensor(Array.from(tensor.dataSync(), findScript), tensor.shape, 'int32');
}

exports.findScripts = findScripts;
