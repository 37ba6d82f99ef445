const answer = await fetch(process.argv[2] + "/echo");
if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
console.log(answer.status);
