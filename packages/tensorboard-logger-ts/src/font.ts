/** Letters of 3 × 5 points for labels in pictures: capitals, digits and a few signs; small letters become capitals. */

// Five rows of three bits each, from the top, as octal digits: 4 is the left point, 1 the right one.
// biome-ignore format: a table of letters
const GLYPHS: Readonly<Record<string, string>> = {
  '0': '75557', '1': '26227', '2': '71747', '3': '71317', '4': '55711',
  '5': '74717', '6': '74757', '7': '71222', '8': '75757', '9': '75717',
  A: '25755', B: '65656', C: '34443', D: '65556', E: '74647', F: '74644', G: '34553', H: '55755', I: '72227',
  J: '11152', K: '55655', L: '44447', M: '57755', N: '65555', O: '25552', P: '65644', Q: '25563', R: '65655',
  S: '34216', T: '72222', U: '55557', V: '55552', W: '55775', X: '55255', Y: '55222', Z: '71247',
  ' ': '00000', '.': '00002', ',': '00024', '-': '00700', '+': '02720', ':': '02020', '%': '51245', '/': '11244',
  '>': '42124', '<': '12421', '_': '00007', '=': '07070', '(': '12221', ')': '42224', '#': '57575', '?': '61202',
  '!': '22202', "'": '22000', '*': '05250',
};

/** Points from one letter to the next. */
export const LETTER_WIDTH = 4;
export const LETTER_HEIGHT = 5;

/** Calls `dot` with the place of each point of `text`, from its upper left corner. */
export function eachDot(text: string, dot: (x: number, y: number) => void): void {
  [...text.toUpperCase()].forEach((letter, index) => {
    const rows = GLYPHS[letter] ?? GLYPHS['?'] ?? '';
    for (let y = 0; y < LETTER_HEIGHT; y++) {
      for (let x = 0; x < 3; x++) if (Number(rows[y]) & (4 >> x)) dot(index * LETTER_WIDTH + x, y);
    }
  });
}
