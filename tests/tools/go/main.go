// The AWS SDK for Go against one endpoint, with its own defaults. Prints a line for each step that went as it should.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

const partBytes = 5 << 20

var (
	ctx    = context.Background()
	bucket = aws.String(os.Args[1])
	client *s3.Client
)

func main() {
	settings, err := config.LoadDefaultConfig(ctx)
	must(err)
	client = s3.NewFromConfig(settings, func(options *s3.Options) { options.UsePathStyle = true })
	_, err = client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket})
	done("create bucket", err)
	putAndGet()
	list()
	multipart()
	conditions()
	presigned()
	remove()
}

func putAndGet() {
	put, err := client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: bucket, Key: aws.String("dir/ü 1+2"), Body: strings.NewReader("content"),
		Metadata: map[string]string{"kind": "grain"},
	})
	must(err)
	expect(put.ChecksumCRC32 != nil, "the put was not answered with its checksum")
	done("put with a checksum", nil)
	got, err := client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: bucket, Key: aws.String("dir/ü 1+2"), ChecksumMode: types.ChecksumModeEnabled,
	})
	must(err)
	expect(read(got.Body) == "content" && got.Metadata["kind"] == "grain", "not what was put")
	expect(*got.ChecksumCRC32 == *put.ChecksumCRC32, "another checksum")
	done("get", nil)
	part, err := client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: bucket, Key: aws.String("dir/ü 1+2"), Range: aws.String("bytes=3-5"),
	})
	must(err)
	expect(read(part.Body) == "ten" && *part.ContentRange == "bytes 3-5/7", "another range")
	done("range", nil)
}

func list() {
	for number := range 7 {
		_, err := client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: bucket, Key: aws.String(fmt.Sprintf("list/%d", number)), Body: strings.NewReader("x"),
		})
		must(err)
	}
	var found []string
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{
		Bucket: bucket, Prefix: aws.String("list/"), MaxKeys: aws.Int32(3),
	})
	count := 0
	for ; pages.HasMorePages(); count++ {
		page, err := pages.NextPage(ctx)
		must(err)
		for _, entry := range page.Contents {
			found = append(found, *entry.Key)
		}
	}
	expect(count == 3 && len(found) == 7 && found[6] == "list/6", fmt.Sprint("listed ", found))
	done("list", nil)
}

func multipart() {
	content := make([]byte, 12<<20+1)
	_, _ = rand.Read(content)
	uploader := manager.NewUploader(client, func(uploader *manager.Uploader) { uploader.PartSize = partBytes })
	_, err := uploader.Upload(ctx, &s3.PutObjectInput{
		Bucket: bucket, Key: aws.String("large"), Body: bytes.NewReader(content),
	})
	must(err)
	back := manager.NewWriteAtBuffer(nil)
	asked := &s3.GetObjectInput{Bucket: bucket, Key: aws.String("large")}
	_, err = manager.NewDownloader(client).Download(ctx, back, asked)
	must(err)
	expect(bytes.Equal(back.Bytes(), content), "the large object came back changed")
	done("multipart", nil)
	_, err = client.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: bucket, Key: aws.String("copied"), CopySource: aws.String(*bucket + "/large"),
	})
	must(err)
	head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("copied")})
	must(err)
	expect(*head.ContentLength == int64(len(content)), "the copy has another length")
	done("copy", nil)
}

func conditions() {
	_, err := client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: bucket, Key: aws.String("copied"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*"),
	})
	var refusal smithy.APIError
	expect(errors.As(err, &refusal) && refusal.ErrorCode() == "PreconditionFailed", fmt.Sprint("told ", err))
	done("conditional put refused", nil)
	var missing *types.NoSuchKey
	_, err = client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("none")})
	expect(errors.As(err, &missing), fmt.Sprint("told ", err))
	done("absence told", nil)
}

func presigned() {
	signer := s3.NewPresignClient(client)
	put, err := signer.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("signed")})
	must(err)
	expect(send(put.Method, put.URL, "by link").StatusCode == 200, "the link to put does not work")
	get, err := signer.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("signed")})
	must(err)
	expect(read(send(get.Method, get.URL, "").Body) == "by link", "the link to get does not work")
	done("presigned", nil)
}

func remove() {
	listed, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket})
	must(err)
	var doomed []types.ObjectIdentifier
	for _, entry := range listed.Contents {
		doomed = append(doomed, types.ObjectIdentifier{Key: entry.Key})
	}
	deleted, err := client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: bucket, Delete: &types.Delete{Objects: doomed},
	})
	must(err)
	expect(len(deleted.Deleted) == len(doomed) && len(deleted.Errors) == 0, "not all is deleted")
	done("delete objects", nil)
	_, err = client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket})
	done("delete bucket", err)
}

func send(method, url, body string) *http.Response {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	must(err)
	answer, err := http.DefaultClient.Do(request)
	must(err)
	return answer
}

func read(body io.ReadCloser) string {
	defer body.Close()
	content, err := io.ReadAll(body)
	must(err)
	return string(content)
}

func done(step string, err error) {
	must(err)
	fmt.Println(step)
}

func expect(holds bool, otherwise string) {
	if !holds {
		must(errors.New(otherwise))
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
