//! The sealed form of a known body under known keys. When this test fails, data at rest can no longer be read: a change of
//! the format needs a new format number and a reader for the old one, not a new value here.

use kernel::ByteRange;

use crate::world::{World, body, read, world, write};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Made by an independent implementation of `docs/format.md`, not by this crate.
const GOLDEN: &str = "\
inline 5d6d37451c67e937a42f9e9eee35f6cc 956eeb2f2632d7bd03f166b233e3ef28
  wrap 01e6463e7f89ed6d83b76ded47c2d19ebf799707a113a32df14eae7a9ab6fdfcdb365729fd2a935a466bb1e144487fd0489dbdfa82d2b503c7449945a4
  sealed a6dc3017b9d5b284cea192b857286352f7901034a15ec87da570650618f38930b32d97
body
  wrap 01e8a355644b4413f5996e1f26380b12cf47333a7f7cd3f87df78026627d421b664c746e07dbefe44dd26a9531c09333d278749bb492e6e2ca1cf4d179
  blob dc8ee7021ce347aaf2337c4dc5521434 crc 4368a8fa2f4aceeb
    5457494e424c4f4200010100000100000000000000011170dc8ee7021ce347aaf2337c4dc5521434dc8ee7021ce347aaf2337c4dc5521434956eeb2f2632d7bd03f166b233e3ef28ac843f9e1e16c0da
    8291ea895799f5911845ec240cfd210faa0cb1554900b751
  blob d515ca00b18f8d9991c87454d475ac9e crc de36ec7af93fe6d6
    5457494e424c4f4200010100000100000000000000011170d515ca00b18f8d9991c87454d475ac9edc8ee7021ce347aaf2337c4dc5521434956eeb2f2632d7bd03f166b233e3ef288cf55d09e8f22573
    b1fbdb49764b23f54efa777e1d87bfcf091ee25bff721180
";

#[tokio::test]
async fn the_sealed_form_is_what_it_always_was() {
    let World { store, home, .. } = world(42, 70_000);
    let (inline, sealed) = store.seal_inline(b"the wind has turned").expect("seals");
    let opened = store.open_inline(&inline, &sealed, ByteRange { start: 4, end: 8 }).expect("opens");
    assert_eq!(opened, b"wind".as_slice());
    let mut found = format!(
        "inline {} {}\n  wrap {}\n  sealed {}\n",
        inline.pieces[0].blob,
        inline.key.master,
        hex(&inline.key.wrapped),
        hex(&sealed),
    );

    let body = body(140_000, 7);
    let extent = write(&store, &body, 10_000).await.expect("writes");
    assert!(read(&store, &extent, 0, 140_000).await.expect("reads") == body);
    found += &format!("body\n  wrap {}\n", hex(&extent.key.wrapped));
    for piece in &extent.pieces {
        let sealed = home.sealed(piece.blob).expect("there");
        let (start, end) = (hex(&sealed[..80]), hex(&sealed[sealed.len() - 24..]));
        found += &format!("  blob {} crc {:016x}\n    {start}\n    {end}\n", piece.blob, piece.sealed_crc64);
    }
    assert_eq!(found, GOLDEN, "found:\n{found}");
}
