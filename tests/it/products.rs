//! The catalogue: kept by those who may, told apart by codes, retired and not forgotten; as a file out and in again.

use crate::support::{Client, Page, TestApp};

/// A file of products, as their page takes it.
pub async fn upload(client: &Client, text: &str) -> Page {
    let part = reqwest::multipart::Part::bytes(text.as_bytes().to_vec()).file_name("products.csv");
    let form = reqwest::multipart::Form::new().text("csrf_token", client.csrf().await).part("file", part);
    let request = client.http().post(client.url("/products/import")).header("Accept", "text/html").multipart(form);
    client.read(request.send().await.unwrap()).await
}

fn figures(page: &Page) -> Vec<String> {
    page.body.split("<dd>").skip(1).filter_map(|part| Some(part.split_once("</dd>")?.0.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalogue_is_kept_by_those_who_may() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let theirs = app.belongings(&other).await;
    let (manager, rep) = (app.signed_in(&org, "manager").await, app.signed_in(&org, "rep").await);

    assert!(rep.get("/products").await.contains("No products yet"));
    for refused in ["/products/new", "/products/import", "/settings/products"] {
        assert_eq!(rep.get(refused).await.status(), 403, "{refused}");
    }
    assert_eq!(rep.post("/products/new", &[("name", "X")]).await.status(), 403);

    // Tax classes and categories, each once.
    assert_eq!(manager.post("/settings/products/taxes", &[("name", "Standard"), ("rate", "19 %")]).await.status(), 303);
    for (name, rate, told) in [
        ("STANDARD", "7", "is another class"),
        ("Odd", "101", "from 0 to 100"),
        ("Odd", "", "is required"),
        ("Odd", "1.23456", "decimals"),
        ("", "7", "is required"),
    ] {
        let page = manager.post("/settings/products/taxes", &[("name", name), ("rate", rate)]).await;
        assert!(page.status() == 422 && page.contains(told), "{name} {rate}: {}", page.body);
    }
    assert_eq!(manager.post("/settings/products/categories", &[("name", "Software")]).await.status(), 303);
    assert_eq!(manager.post("/settings/products/categories", &[("name", "software")]).await.status(), 422);
    let (tax, category) = (
        app.value("SELECT id FROM tax_classes WHERE name = 'Standard'").await,
        app.value("SELECT id FROM product_categories WHERE name = 'Software'").await,
    );
    let at = format!("/settings/tax-classes/{}", theirs.tax_class);
    assert_eq!(manager.post(&at, &[("name", "Mine"), ("rate", "1")]).await.status(), 404);

    // A product with prices in two currencies; sent twice it is one.
    let id = uuid::Uuid::now_v7().to_string();
    let fields = [
        ("id", id.as_str()),
        ("name", "GTX Pro"),
        ("code", "G-1"),
        ("unit", "licence"),
        ("category_id", &category),
        ("tax_class_id", &tax),
        ("every", "year"),
        ("price", "4.821,50"),
        ("price_currency", "EUR"),
        ("price", "5000"),
        ("price_currency", "USD"),
        ("price", ""),
        ("price_currency", "EUR"),
    ];
    for _ in 0..2 {
        let made = manager.post("/products/new", &fields).await;
        assert_eq!(made.location.as_deref(), Some(format!("/products/{id}").as_str()), "{}", made.body);
    }
    assert_eq!(
        app.texts("SELECT p.currency || ' ' || p.price::text AS value FROM product_prices p JOIN organisations o ON o.id = p.org_id WHERE o.slug = 'aurelia' ORDER BY 1"),
        ["EUR 4821.5000", "USD 5000.0000"]
    );
    let list = rep.get("/products?q=gtxpro").await;
    assert!(list.contains("GTX Pro") && list.contains("€4,821.50 · $5,000.00 / licence"), "{}", list.body);
    assert!(!list.contains("borealis") && list.contains("Standard, 19 %"), "{}", list.body);
    let read = rep.get(&format!("/products/{id}")).await;
    assert!(read.contains("disabled") && !read.contains("Save product"), "{}", read.body);
    assert_eq!(rep.get(&format!("/products/{}", theirs.product)).await.status(), 404);

    // What is wrong is told beside its field, and what was typed stays.
    for (field, value, told) in [
        ("code", "g-1", "is another product"),
        ("name", "", "is required"),
        ("price", "many", "must be a number"),
        ("price", "-1", "must not be negative"),
        ("category_id", &theirs.product_category.to_string(), "is not one of the categories"),
        ("tax_class_id", &theirs.tax_class.to_string(), "is not one of the tax classes"),
        ("every", "fortnight", "is not one of the choices"),
    ] {
        let mut said = vec![("name", "GTX Basic"), ("price_currency", "EUR")];
        said.retain(|(name, _)| *name != field);
        said.push((field, value));
        let page = manager.post("/products/new", &said).await;
        assert!(page.status() == 422 && page.contains(told), "{field}={value}: {}", page.body);
    }
    let twice = [("name", "Two"), ("price", "1"), ("price_currency", "EUR"), ("price", "2"), ("price_currency", "EUR")];
    assert!(manager.post("/products/new", &twice).await.contains("two prices in EUR"));

    // Two who save: the second is told, and nothing is lost.
    let save = [("version", "1"), ("name", "GTX Pro 2"), ("code", "G-1"), ("price", "4900"), ("price_currency", "EUR")];
    assert_eq!(manager.post(&format!("/products/{id}"), &save).await.status(), 303);
    let late = [("version", "1"), ("name", "GTX Pro 3"), ("code", "G-1")];
    let page = manager.post(&format!("/products/{id}"), &late).await;
    assert!(page.status() == 409 && page.contains("GTX Pro 3"), "{}", page.body);
    assert_eq!(
        app.texts("SELECT changes->'prices'->1->>0 AS value FROM events WHERE kind = 'product.updated'"),
        ["EUR 4900"]
    );

    // Retired: offered no more, still there.
    assert_eq!(manager.post(&format!("/products/{id}/retirement"), &[]).await.status(), 303);
    let row = format!("/products/{id}\"");
    assert!(!manager.get("/products").await.contains(&row));
    assert!(!manager.get_partial("/products/options?q=gtx").await.contains("GTX Pro 2"));
    assert!(manager.get("/products?status=retired").await.contains("GTX Pro 2"));
    assert_eq!(manager.post(&format!("/products/{id}/retirement/undo"), &[]).await.status(), 303);
    assert!(manager.get_partial("/products/options?q=gtx").await.contains("GTX Pro 2"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_products_comes_in_once_and_goes_out_as_it_was() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let manager = app.signed_in(&org, "manager").await;
    let file = "product,series,sales_price,tax,recurring,price usd,SKU\n\
        GTX Basic,GTX,550,19%,,600,\n\
        GTX Pro,GTX,\"4,821\",19%,,,GP\n\
        =MG Special,MG,55,,monthly,,\n\
        ,MG,1,,,,\n\
        MG Bad,MG,lots,,,,\n\
        MG Odd,MG,1,Luxury,,,\n";
    let first = upload(&manager, file).await;
    assert_eq!(figures(&first), ["3", "0", "0", "3"], "{}", first.body);
    for told in ["Line 5: Name is required", "Line 6: Price must be a number", "Line 7: Tax “Luxury” is not one"] {
        assert!(first.contains(told), "{told}: {}", first.body);
    }
    assert_eq!(app.texts("SELECT name || ' ' || rate::text AS value FROM tax_classes"), ["19 % 19.000"]);
    assert_eq!(figures(&upload(&manager, file).await), ["0", "0", "3", "3"]);
    // Names as others write them, and only what the file says.
    let again = upload(&manager, "Name;Price;Unit\r\ngtxbasic;560;piece\r\nGTX-PRO;;\r\n").await;
    assert_eq!(figures(&again), ["0", "2", "0", "0"], "{}", again.body);
    assert_eq!(
        app.texts("SELECT p.name || ' ' || x.currency || ' ' || trim_scale(x.price)::text AS value FROM products p JOIN product_prices x ON x.product_id = p.id ORDER BY 1"),
        ["=MG Special EUR 55", "GTX-PRO EUR 4821", "gtxbasic EUR 560", "gtxbasic USD 600"]
    );
    let out = manager.get("/products/export").await;
    assert!(out.body.starts_with("Name,Code,Unit,Category,Tax class,Recurring,Active,Description,Price EUR,Price USD"));
    assert!(out.contains("'=MG Special,,,MG,,month,yes,,55.00,"), "{}", out.body);
    assert_eq!(figures(&upload(&manager, &out.body).await), ["0", "0", "3", "0"], "{}", out.body);
    for (wrong, told) in [("", "choose one first"), ("a,b\n1,2\n", "needs a column called Name")] {
        let page = upload(&manager, wrong).await;
        assert!(page.status() == 422 && page.contains(told), "{}", page.body);
    }
    app.stop().await;
}
