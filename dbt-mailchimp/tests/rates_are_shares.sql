-- Rates are null or within 0 and 1; Mailchimp's per cent has been divided.
select campaign_id as id from {{ ref("mailchimp__campaigns") }}
where open_rate not between 0 and 1 or click_rate not between 0 and 1 or bounce_rate not between 0 and 1
union all
select list_id from {{ ref("stg_mailchimp__lists") }}
where mean_open_rate not between 0 and 1 or mean_click_rate not between 0 and 1
union all
select member_key from {{ ref("mailchimp__members") }}
where open_rate not between 0 and 1 or click_rate not between 0 and 1
