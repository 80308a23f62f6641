class Refused extends Error {}

function refuse(why) {
  throw new Refused(why);
}

function caught() {
  try {
    refuse("caught");
  } catch {
    // That is all.
  }
}

caught();
refuse("not caught");
