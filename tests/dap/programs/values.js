class Box {
  constructor(content) {
    this.content = content;
    this.looks = 0;
  }

  get look() {
    this.looks += 1;
    return this.looks;
  }
}

function make() {
  let number = 255;
  const text = "tea\nand \"biscuits\"";
  const numbers = Array.from({ length: 100000 }, (_, index) => index);
  const table = { one: 1, two: [1, 2], get three() { return ++this.one; } };
  const box = new Box("tea");
  const inner = () => {
    return [number, box];
  };
  const both = inner();
  return [number, table, text, numbers, both];
}

const made = make();
console.log("answer", made[0], made[1].one);
