/** Draws small images like photographs of the back of the eye, with spots whose number makes the grade, as PNG and csv. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Random } from 'kelvin';
import sharp from 'sharp';

/** How many spots an eye of each grade has. */
const SPOTS = [0, 2, 5, 9, 14] as const;
/** How common each grade is: most eyes are healthy. */
const SHARES = [0.4, 0.15, 0.2, 0.1, 0.15] as const;

/** Where the images are. */
export interface FundusImages {
  readonly csv: string;
  readonly images: string;
}

/**
 * Writes `count` images of 32 x 32 pixels and a table `id_code,diagnosis` with grades from 0 to 4.
 *
 * @example
 * ```ts
 * const { csv, images } = await drawFundusImages('eyes', { count: 400, seed: 1 });
 * ```
 */
export async function drawFundusImages(
  directory: string,
  { count, seed }: { count: number; seed: number },
): Promise<FundusImages> {
  const images = join(directory, 'images');
  await mkdir(images, { recursive: true });
  const random = new Random(seed);
  const rows = ['id_code,diagnosis'];
  for (let i = 0; i < count; i++) {
    const grade = drawGrade(random);
    rows.push(`eye${i},${grade}`);
    const raw = { width: SIDE, height: SIDE, channels: 3 } as const;
    await sharp(drawEye(SPOTS[grade] as number, random), { raw })
      .png()
      .toFile(join(images, `eye${i}.png`));
  }
  const csv = join(directory, 'train.csv');
  await writeFile(csv, `${rows.join('\n')}\n`);
  return { csv, images };
}

const SIDE = 32;

function drawGrade(random: Random): number {
  let left = random.uniform();
  const grade = SHARES.findIndex((share) => {
    left -= share;
    return left < 0;
  });
  return grade < 0 ? 0 : grade;
}

/** A round, reddish ground with light from one side, and dark spots on it. */
function drawEye(spots: number, random: Random): Uint8Array {
  const pixels = new Uint8Array(SIDE * SIDE * 3);
  const light = 0.9 + 0.2 * random.uniform();
  const places = Array.from({ length: spots }, () => {
    const [angle, radius] = [2 * Math.PI * random.uniform(), 12 * Math.sqrt(random.uniform())];
    return { x: 15.5 + radius * Math.cos(angle), y: 15.5 + radius * Math.sin(angle) };
  });
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      if (Math.hypot(x - 15.5, y - 15.5) > 15) continue;
      const dark = places.some((place) => Math.hypot(place.x - x, place.y - y) < 1.3) ? 0.35 : 1;
      const shade = light * dark * (0.8 + (0.2 * x) / SIDE) + 0.03 * random.normal();
      [200, 110, 60].forEach((colour, channel) => {
        pixels[(y * SIDE + x) * 3 + channel] = Math.max(0, Math.min(255, colour * shade));
      });
    }
  }
  return pixels;
}
