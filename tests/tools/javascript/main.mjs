// The AWS SDK for JavaScript against one endpoint, with its own defaults. Prints a line for each step that went as it
// should.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  paginateListObjectsV2,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const Bucket = process.argv[2];
const client = new S3Client({ forcePathStyle: true });
const done = (step) => console.log(step);

await client.send(new CreateBucketCommand({ Bucket }));
done("create bucket");

const Key = "dir/ü 1+2";
const put = await client.send(new PutObjectCommand({ Bucket, Key, Body: "content", Metadata: { kind: "grain" } }));
assert.ok(put.ChecksumCRC32, "the put was not answered with its checksum");
done("put with a checksum");

const got = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
assert.equal(await got.Body.transformToString(), "content");
assert.deepEqual([got.Metadata.kind, got.ChecksumCRC32], ["grain", put.ChecksumCRC32]);
done("get");

const part = await client.send(new GetObjectCommand({ Bucket, Key, Range: "bytes=3-5" }));
assert.equal(await part.Body.transformToString(), "ten");
assert.equal(part.ContentRange, "bytes 3-5/7");
done("range");

for (let number = 0; number < 7; number++) {
  await client.send(new PutObjectCommand({ Bucket, Key: `list/${number}`, Body: "x" }));
}
const pages = [];
for await (const page of paginateListObjectsV2({ client, pageSize: 3 }, { Bucket, Prefix: "list/" })) {
  pages.push(page.Contents.map((entry) => entry.Key));
}
assert.deepEqual(pages.map((page) => page.length), [3, 3, 1]);
assert.equal(pages[2][0], "list/6");
done("list");

const content = randomBytes((12 << 20) + 1);
await new Upload({ client, params: { Bucket, Key: "large", Body: content }, partSize: 5 << 20 }).done();
const large = await client.send(new GetObjectCommand({ Bucket, Key: "large" }));
assert.match(large.ETag, /-3"$/);
assert.ok(content.equals(await large.Body.transformToByteArray()), "the large object came back changed");
done("multipart");

await client.send(new CopyObjectCommand({ Bucket, Key: "copied", CopySource: `${Bucket}/large` }));
const head = await client.send(new HeadObjectCommand({ Bucket, Key: "copied" }));
assert.equal(head.ContentLength, content.length);
done("copy");

await assert.rejects(client.send(new PutObjectCommand({ Bucket, Key: "copied", Body: "x", IfNoneMatch: "*" })), {
  name: "PreconditionFailed",
});
done("conditional put refused");
await assert.rejects(client.send(new GetObjectCommand({ Bucket, Key: "none" })), { name: "NoSuchKey" });
done("absence told");

const putLink = await getSignedUrl(client, new PutObjectCommand({ Bucket, Key: "signed" }), { expiresIn: 60 });
assert.equal((await fetch(putLink, { method: "PUT", body: "by link" })).status, 200);
const getLink = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: "signed" }), { expiresIn: 60 });
assert.equal(await (await fetch(getLink)).text(), "by link");
done("presigned");

const doomed = [];
for await (const page of paginateListObjectsV2({ client }, { Bucket })) {
  doomed.push(...page.Contents.map((entry) => ({ Key: entry.Key })));
}
const deleted = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: doomed } }));
assert.equal(deleted.Deleted.length, doomed.length);
done("delete objects");

await client.send(new DeleteBucketCommand({ Bucket }));
done("delete bucket");
