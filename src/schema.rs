// @generated automatically by Diesel CLI.

diesel::table! {
    activities (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        type_id -> Uuid,
        class -> Text,
        subject -> Text,
        owner_id -> Nullable<Uuid>,
        start_at -> Nullable<Timestamptz>,
        due_on -> Nullable<Date>,
        at -> Timestamptz,
        minutes -> Nullable<Int4>,
        priority -> Text,
        status -> Text,
        closed_at -> Nullable<Timestamptz>,
        closed_by -> Nullable<Uuid>,
        outcome -> Nullable<Text>,
        location -> Nullable<Text>,
        video_url -> Nullable<Text>,
        description -> Nullable<Text>,
        deal_id -> Nullable<Uuid>,
        contact_id -> Nullable<Uuid>,
        company_id -> Nullable<Uuid>,
        lead_id -> Nullable<Uuid>,
        version -> Int4,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        series_id -> Nullable<Uuid>,
        occurs_on -> Nullable<Date>,
        occurrence -> Nullable<Text>,
    }
}

diesel::table! {
    activity_checklist (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        activity_id -> Uuid,
        text -> Text,
        position -> Int4,
        done_at -> Nullable<Timestamptz>,
        done_by -> Nullable<Uuid>,
    }
}

diesel::table! {
    activity_closings (org_id, id) {
        org_id -> Uuid,
        id -> Int8,
        month -> Date,
        owner_id -> Nullable<Uuid>,
        type_id -> Uuid,
        done -> Int8,
    }
}

diesel::table! {
    activity_dependencies (org_id, activity_id, waits_for) {
        org_id -> Uuid,
        activity_id -> Uuid,
        waits_for -> Uuid,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    activity_guests (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        activity_id -> Uuid,
        contact_id -> Nullable<Uuid>,
        name -> Text,
        email -> Text,
        answer -> Nullable<Text>,
        comment -> Nullable<Text>,
        answered_at -> Nullable<Timestamptz>,
        withdrawn_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    activity_invitations (org_id, activity_id) {
        org_id -> Uuid,
        activity_id -> Uuid,
        organiser_id -> Uuid,
        sequence -> Int4,
        told -> Text,
        message -> Nullable<Text>,
        cancelled -> Bool,
    }
}

diesel::table! {
    activity_participants (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        activity_id -> Uuid,
        contact_id -> Nullable<Uuid>,
        member_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    activity_reminders (org_id, activity_id, member_id) {
        org_id -> Uuid,
        activity_id -> Uuid,
        member_id -> Uuid,
        minutes -> Nullable<Int4>,
    }
}

diesel::table! {
    activity_series (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        rule -> Text,
        starts_on -> Date,
        at_time -> Nullable<Time>,
        zone -> Text,
        count -> Nullable<Int4>,
        until -> Nullable<Date>,
        made_until -> Date,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    activity_series_exceptions (org_id, series_id, occurs_on) {
        org_id -> Uuid,
        series_id -> Uuid,
        occurs_on -> Date,
    }
}

diesel::table! {
    activity_template_steps (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        template_id -> Uuid,
        position -> Int4,
        type_id -> Uuid,
        subject -> Text,
        days -> Int4,
        working -> Bool,
        at_time -> Nullable<Time>,
        minutes -> Nullable<Int4>,
        priority -> Text,
        location -> Nullable<Text>,
        description -> Nullable<Text>,
        assignee -> Text,
        role_id -> Nullable<Uuid>,
        checklist -> Array<Nullable<Text>>,
        waits_for -> Array<Nullable<Uuid>>,
    }
}

diesel::table! {
    activity_templates (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        name -> Text,
        name_key -> Text,
        kind -> Text,
        follow -> Text,
        retired_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    activity_origins (org_id, activity_id) {
        org_id -> Uuid,
        activity_id -> Uuid,
        step_id -> Uuid,
        run_id -> Nullable<Uuid>,
        followed_by -> Nullable<Uuid>,
    }
}

diesel::table! {
    activity_types (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        key -> Nullable<Text>,
        name -> Text,
        name_key -> Text,
        icon -> Text,
        color -> Text,
        class -> Text,
        minutes -> Nullable<Int4>,
        position -> Int4,
        retired_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    assignment_people (org_id, member_id) {
        org_id -> Uuid,
        member_id -> Uuid,
        capacity -> Int4,
        away_from -> Nullable<Date>,
        away_until -> Nullable<Date>,
    }
}

diesel::table! {
    assignment_rules (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        position -> Int4,
        form_id -> Nullable<Uuid>,
        source -> Nullable<Text>,
        campaign -> Nullable<Text>,
        member_id -> Nullable<Uuid>,
        team_id -> Nullable<Uuid>,
        last_member_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        name -> Nullable<Text>,
        covers -> Array<Nullable<Text>>,
        countries -> Array<Nullable<Text>>,
        region -> Nullable<Text>,
        industry -> Nullable<Text>,
        size_from -> Nullable<Int4>,
        size_to -> Nullable<Int4>,
        share -> Text,
    }
}

diesel::table! {
    auth_tokens (token_hash) {
        token_hash -> Text,
        user_id -> Uuid,
        purpose -> Text,
        email -> Nullable<Text>,
        expires_at -> Timestamptz,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    automation_inbox (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        event_id -> Uuid,
        deal_id -> Uuid,
        event -> Text,
        from_stage -> Nullable<Uuid>,
        to_stage -> Nullable<Uuid>,
        automation_id -> Nullable<Uuid>,
        depth -> Int4,
        undo -> Bool,
        at -> Timestamptz,
    }
}

diesel::table! {
    automation_runs (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        automation_id -> Uuid,
        deal_id -> Uuid,
        event_id -> Uuid,
        event -> Text,
        from_stage -> Nullable<Uuid>,
        to_stage -> Nullable<Uuid>,
        depth -> Int4,
        status -> Text,
        outcome -> Array<Nullable<Text>>,
        error -> Nullable<Text>,
        plans -> Array<Nullable<Uuid>>,
        at -> Timestamptz,
    }
}

diesel::table! {
    automations (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        pipeline_id -> Uuid,
        stage_id -> Nullable<Uuid>,
        name -> Text,
        event -> Text,
        after_days -> Nullable<Int4>,
        actions -> Jsonb,
        position -> Int4,
        active_since -> Nullable<Timestamptz>,
        saved_by -> Nullable<Uuid>,
        version -> Int4,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    calendar_members (org_id, member_id) {
        org_id -> Uuid,
        member_id -> Uuid,
        work_from -> Nullable<Int2>,
        work_to -> Nullable<Int2>,
        feed_hash -> Nullable<Text>,
        feed_made_at -> Nullable<Timestamptz>,
        feed_tasks -> Bool,
        feed_alarm -> Nullable<Int2>,
    }
}

diesel::table! {
    calendar_uids (org_id, member_id, uid) {
        org_id -> Uuid,
        member_id -> Uuid,
        uid -> Text,
        activity_id -> Uuid,
        fingerprint -> Nullable<Text>,
        series -> Nullable<Text>,
        sequence -> Int8,
        modified -> Nullable<Int8>,
        version -> Int4,
    }
}

diesel::table! {
    calendar_uploads (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        member_id -> Uuid,
        name -> Text,
        entries -> Jsonb,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    comments (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        company_id -> Nullable<Uuid>,
        contact_id -> Nullable<Uuid>,
        lead_id -> Nullable<Uuid>,
        deal_id -> Nullable<Uuid>,
        activity_id -> Nullable<Uuid>,
        note_id -> Nullable<Uuid>,
        author_id -> Nullable<Uuid>,
        body_html -> Text,
        version -> Int4,
        pinned_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    companies (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        name -> Text,
        name_key -> Text,
        domain -> Nullable<Text>,
        industry -> Nullable<Text>,
        employees -> Nullable<Int4>,
        annual_revenue -> Nullable<Numeric>,
        phone -> Nullable<Text>,
        street -> Nullable<Text>,
        city -> Nullable<Text>,
        region -> Nullable<Text>,
        postal_code -> Nullable<Text>,
        #[max_length = 2]
        country -> Nullable<Bpchar>,
        parent_id -> Nullable<Uuid>,
        owner_id -> Nullable<Uuid>,
        description -> Nullable<Text>,
        external_id -> Nullable<Text>,
        custom -> Jsonb,
        version -> Int4,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        archived_at -> Nullable<Timestamptz>,
        deleted_at -> Nullable<Timestamptz>,
        annual_revenue_key -> Nullable<Int8>,
    }
}

diesel::table! {
    competitors (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        name -> Text,
        website -> Nullable<Text>,
        notes -> Nullable<Text>,
        retired_at -> Nullable<Timestamptz>,
        version -> Int4,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    contacts (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        first_name -> Text,
        last_name -> Text,
        name_key -> Text,
        title -> Nullable<Text>,
        email -> Nullable<Text>,
        other_emails -> Array<Nullable<Text>>,
        phone -> Nullable<Text>,
        other_phones -> Array<Nullable<Text>>,
        company_id -> Nullable<Uuid>,
        street -> Nullable<Text>,
        city -> Nullable<Text>,
        region -> Nullable<Text>,
        postal_code -> Nullable<Text>,
        #[max_length = 2]
        country -> Nullable<Bpchar>,
        owner_id -> Nullable<Uuid>,
        lifecycle -> Text,
        do_not_contact -> Bool,
        description -> Nullable<Text>,
        external_id -> Nullable<Text>,
        custom -> Jsonb,
        version -> Int4,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        archived_at -> Nullable<Timestamptz>,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    counters (org_id, key) {
        org_id -> Uuid,
        key -> Text,
        value -> Int8,
    }
}

diesel::table! {
    custom_fields (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        record_type -> Text,
        key -> Text,
        label -> Text,
        kind -> Text,
        options -> Jsonb,
        required -> Bool,
        is_unique -> Bool,
        searchable -> Bool,
        listed -> Bool,
        default_value -> Nullable<Jsonb>,
        help -> Text,
        section -> Text,
        position -> Int4,
        viewers -> Nullable<Array<Nullable<Text>>>,
        editors -> Nullable<Array<Nullable<Text>>>,
        retired_at -> Nullable<Timestamptz>,
        version -> Int4,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    custom_values_unique (org_id, field_id, record_id) {
        org_id -> Uuid,
        field_id -> Uuid,
        record_id -> Uuid,
        value -> Text,
    }
}

diesel::table! {
    deal_beginnings (org_id, id) {
        org_id -> Uuid,
        id -> Int8,
        month -> Date,
        pipeline_id -> Uuid,
        owner_id -> Nullable<Uuid>,
        furthest_id -> Uuid,
        state -> Text,
        deals -> Int8,
    }
}

diesel::table! {
    deal_closings (org_id, id) {
        org_id -> Uuid,
        id -> Int8,
        month -> Date,
        pipeline_id -> Uuid,
        owner_id -> Nullable<Uuid>,
        #[max_length = 3]
        currency -> Bpchar,
        status -> Text,
        deals -> Int8,
        amount -> Numeric,
        cycle_days -> Int8,
    }
}

diesel::table! {
    deal_competitors (org_id, deal_id, competitor_id) {
        org_id -> Uuid,
        deal_id -> Uuid,
        competitor_id -> Uuid,
        strengths -> Nullable<Text>,
        weaknesses -> Nullable<Text>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    deal_contacts (org_id, deal_id, contact_id) {
        org_id -> Uuid,
        deal_id -> Uuid,
        contact_id -> Uuid,
        role -> Text,
        created_at -> Timestamptz,
        influence -> Nullable<Text>,
        stance -> Nullable<Text>,
    }
}

diesel::table! {
    deal_criteria (org_id, deal_id, criterion_id) {
        org_id -> Uuid,
        deal_id -> Uuid,
        criterion_id -> Uuid,
        done_by -> Nullable<Uuid>,
        done_at -> Timestamptz,
    }
}

diesel::table! {
    deal_forecasts (org_id, id) {
        org_id -> Uuid,
        id -> Int8,
        pipeline_id -> Uuid,
        stage_id -> Uuid,
        owner_id -> Nullable<Uuid>,
        #[max_length = 3]
        currency -> Bpchar,
        month -> Nullable<Date>,
        forecast_override -> Nullable<Text>,
        deals -> Int8,
        amount -> Numeric,
        amount_by_stage -> Numeric,
        weighted_by_deal -> Numeric,
    }
}

diesel::table! {
    deal_lines (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        deal_id -> Uuid,
        position -> Int4,
        product_id -> Nullable<Uuid>,
        name -> Text,
        unit -> Nullable<Text>,
        quantity -> Numeric,
        unit_price -> Numeric,
        discount_percent -> Nullable<Numeric>,
        discount_amount -> Nullable<Numeric>,
        tax_class_id -> Nullable<Uuid>,
        tax_rate -> Nullable<Numeric>,
        every -> Nullable<Text>,
        periods -> Int4,
        period_net -> Numeric,
        net -> Numeric,
        yearly -> Nullable<Numeric>,
        months -> Nullable<Int4>,
        #[max_length = 3]
        from_currency -> Nullable<Bpchar>,
        from_rate -> Nullable<Numeric>,
        from_on -> Nullable<Date>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    deal_months (org_id, id) {
        org_id -> Uuid,
        id -> Int8,
        pipeline_id -> Uuid,
        month -> Date,
        stage_id -> Uuid,
        owner_id -> Nullable<Uuid>,
        owner_now -> Nullable<Uuid>,
        #[max_length = 3]
        currency -> Bpchar,
        deals -> Int8,
        amount -> Numeric,
        own_amount -> Numeric,
        own_weighted -> Numeric,
    }
}

diesel::table! {
    deal_states (org_id, deal_id, valid_from) {
        org_id -> Uuid,
        deal_id -> Uuid,
        valid_from -> Timestamptz,
        valid_to -> Timestamptz,
        pipeline_id -> Uuid,
        stage_id -> Uuid,
        owner_id -> Nullable<Uuid>,
        owner_now -> Nullable<Uuid>,
        amount -> Nullable<Numeric>,
        #[max_length = 3]
        currency -> Bpchar,
        state -> Text,
        furthest_id -> Uuid,
        began_at -> Timestamptz,
        probability -> Nullable<Int2>,
    }
}

diesel::table! {
    deal_totals (org_id, id) {
        org_id -> Uuid,
        id -> Int8,
        pipeline_id -> Uuid,
        stage_id -> Uuid,
        owner_id -> Nullable<Uuid>,
        #[max_length = 3]
        currency -> Bpchar,
        deals -> Int8,
        amount -> Numeric,
        amount_by_stage -> Numeric,
        weighted_by_deal -> Numeric,
    }
}

diesel::table! {
    deal_links (org_id, from_id, to_id) {
        org_id -> Uuid,
        from_id -> Uuid,
        to_id -> Uuid,
        kind -> Text,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
    }
}
diesel::table! {
    deal_splits (org_id, deal_id, at) {
        org_id -> Uuid,
        deal_id -> Uuid,
        at -> Timestamptz,
        #[max_length = 3]
        currency -> Bpchar,
        amount -> Numeric,
    }
}
diesel::table! {
    deal_templates (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        name -> Text,
        name_key -> Text,
        stage_id -> Uuid,
        fields -> Jsonb,
        tasks_id -> Nullable<Uuid>,
        contact_role -> Nullable<Text>,
        lines_from -> Nullable<Uuid>,
        retired_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}
diesel::table! {
    deals (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        number -> Int8,
        name -> Text,
        name_key -> Text,
        company_id -> Nullable<Uuid>,
        pipeline_id -> Uuid,
        stage_id -> Uuid,
        position -> Text,
        amount -> Nullable<Numeric>,
        #[max_length = 3]
        currency -> Bpchar,
        probability -> Nullable<Int2>,
        expected_close_on -> Nullable<Date>,
        owner_id -> Nullable<Uuid>,
        source -> Nullable<Text>,
        status -> Text,
        lost_reason -> Nullable<Text>,
        lost_note -> Nullable<Text>,
        closed_at -> Nullable<Timestamptz>,
        closed_by -> Nullable<Uuid>,
        stage_entered_at -> Timestamptz,
        description -> Nullable<Text>,
        external_id -> Nullable<Text>,
        custom -> Jsonb,
        version -> Int4,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        archived_at -> Nullable<Timestamptz>,
        deleted_at -> Nullable<Timestamptz>,
        amount_key -> Nullable<Int8>,
        next_activity_at -> Nullable<Timestamptz>,
        amount_from -> Text,
        mrr -> Nullable<Numeric>,
        arr -> Nullable<Numeric>,
        term_months -> Nullable<Int4>,
        one_off -> Nullable<Numeric>,
        first_close_on -> Nullable<Date>,
        first_amount -> Nullable<Numeric>,
        slips -> Int2,
        slipped_days -> Int4,
        shrunk_percent -> Int2,
        next_step -> Nullable<Text>,
        next_step_on -> Nullable<Date>,
        next_step_set_at -> Nullable<Timestamptz>,
        lost_to -> Nullable<Uuid>,
        won_reason -> Nullable<Text>,
        won_note -> Nullable<Text>,
        priority -> Nullable<Text>,
        forecast_override -> Nullable<Text>,
        priority_key -> Int2,
    }
}

diesel::table! {
    definition_changes (org_id, id) {
        org_id -> Uuid,
        id -> Int8,
        changes -> Int8,
    }
}

diesel::table! {
    duplicate_follows (org_id, record_type) {
        org_id -> Uuid,
        record_type -> Text,
        followed_to -> Timestamptz,
        left_over -> Int8,
    }
}

diesel::table! {
    duplicate_pairs (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        record_type -> Text,
        a_id -> Uuid,
        b_id -> Uuid,
        confidence -> Int2,
        reasons -> Array<Nullable<Text>>,
        status -> Text,
        found_at -> Timestamptz,
        seen_at -> Timestamptz,
        decided_by -> Nullable<Uuid>,
        decided_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    duplicate_scans (org_id, record_type) {
        org_id -> Uuid,
        record_type -> Text,
        status -> Text,
        done -> Int8,
        total -> Int8,
        found -> Int8,
        requested_by -> Nullable<Uuid>,
        requested_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        gathered -> Int2,
    }
}

diesel::table! {
    events (org_id, at, id) {
        org_id -> Uuid,
        at -> Timestamptz,
        id -> Uuid,
        actor_id -> Nullable<Uuid>,
        kind -> Text,
        record_type -> Text,
        record_id -> Uuid,
        version -> Nullable<Int4>,
        changes -> Jsonb,
        data -> Jsonb,
    }
}

diesel::table! {
    exchange_rates (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        #[max_length = 3]
        into_currency -> Bpchar,
        #[max_length = 3]
        currency -> Bpchar,
        on_day -> Date,
        rate -> Numeric,
        manual -> Bool,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    exports (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        record_type -> Text,
        format -> Text,
        fields -> Array<Nullable<Text>>,
        options -> Jsonb,
        file_name -> Text,
        status -> Text,
        cancel_requested -> Bool,
        rows_total -> Nullable<Int8>,
        rows_done -> Int8,
        bytes -> Nullable<Int8>,
        error -> Nullable<Text>,
        created_by -> Uuid,
        created_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        expires_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    file_blobs (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        size -> Nullable<Int8>,
        sha256 -> Nullable<Text>,
        content_type -> Nullable<Text>,
        scan -> Text,
        scan_found -> Nullable<Text>,
        thumbnail -> Bool,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    file_use (org_id) {
        org_id -> Uuid,
        max_mb -> Int4,
        quota_mb -> Int4,
        used_bytes -> Int8,
        swept_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    file_versions (org_id, file_id, number) {
        org_id -> Uuid,
        file_id -> Uuid,
        number -> Int4,
        blob_id -> Uuid,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    files (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        name -> Text,
        company_id -> Nullable<Uuid>,
        contact_id -> Nullable<Uuid>,
        lead_id -> Nullable<Uuid>,
        deal_id -> Nullable<Uuid>,
        activity_id -> Nullable<Uuid>,
        current -> Int4,
        version -> Int4,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    follows (org_id, member_id, record_id) {
        org_id -> Uuid,
        member_id -> Uuid,
        record_type -> Text,
        record_id -> Uuid,
        muted -> Bool,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    forgotten_names (org_id, record_id) {
        org_id -> Uuid,
        record_id -> Uuid,
        names -> Array<Nullable<Text>>,
        instead -> Text,
    }
}

diesel::table! {
    import_changes (org_id, import_id, record_type, record_id) {
        org_id -> Uuid,
        import_id -> Uuid,
        record_type -> Text,
        record_id -> Uuid,
        before -> Jsonb,
        version_after -> Int4,
    }
}

diesel::table! {
    import_created (org_id, import_id, record_type, chunk) {
        org_id -> Uuid,
        import_id -> Uuid,
        record_type -> Text,
        chunk -> Int8,
        ids -> Array<Nullable<Uuid>>,
    }
}

diesel::table! {
    import_errors (org_id, import_id, line, field) {
        org_id -> Uuid,
        import_id -> Uuid,
        line -> Int8,
        field -> Text,
        message -> Text,
        record -> Array<Nullable<Text>>,
    }
}

diesel::table! {
    import_fingerprints (org_id, record_type, fingerprint) {
        org_id -> Uuid,
        record_type -> Text,
        fingerprint -> Uuid,
        record_id -> Uuid,
    }
}

diesel::table! {
    import_left (org_id, import_id, record_type, record_id) {
        org_id -> Uuid,
        import_id -> Uuid,
        record_type -> Text,
        record_id -> Uuid,
        reason -> Text,
    }
}

diesel::table! {
    import_progress (org_id, import_id) {
        org_id -> Uuid,
        import_id -> Uuid,
        phase -> Text,
        rows_read -> Int8,
        cancel_requested -> Bool,
        started_at -> Timestamptz,
        phase_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    import_templates (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        record_type -> Text,
        name -> Text,
        headings -> Text,
        options -> Jsonb,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    imports (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        record_type -> Text,
        file_name -> Text,
        file_path -> Nullable<Text>,
        status -> Text,
        options -> Jsonb,
        mapping -> Jsonb,
        encoding -> Nullable<Text>,
        delimiter -> Nullable<Text>,
        rows_read -> Int8,
        created -> Int8,
        updated -> Int8,
        skipped -> Int8,
        failed -> Int8,
        error -> Nullable<Text>,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        file_size -> Nullable<Int8>,
        checked -> Nullable<Jsonb>,
        undone -> Nullable<Jsonb>,
        undone_by -> Nullable<Uuid>,
        undone_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    invitations (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        email -> Text,
        role_id -> Uuid,
        team_id -> Nullable<Uuid>,
        invited_by -> Nullable<Uuid>,
        token_hash -> Text,
        expires_at -> Timestamptz,
        accepted_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    jobs (id) {
        id -> Uuid,
        org_id -> Nullable<Uuid>,
        kind -> Text,
        payload -> Jsonb,
        key -> Nullable<Text>,
        status -> Text,
        run_at -> Timestamptz,
        attempts -> Int4,
        max_attempts -> Int4,
        locked_until -> Nullable<Timestamptz>,
        locked_by -> Nullable<Text>,
        last_error -> Nullable<Text>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    lead_conversions (org_id, lead_id) {
        org_id -> Uuid,
        lead_id -> Uuid,
        contact_id -> Nullable<Uuid>,
        company_id -> Nullable<Uuid>,
        deal_id -> Nullable<Uuid>,
        made -> Jsonb,
        status_before -> Text,
        converted_by -> Nullable<Uuid>,
        converted_at -> Timestamptz,
        moved -> Jsonb,
    }
}

diesel::table! {
    leads (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        first_name -> Text,
        last_name -> Text,
        company_name -> Nullable<Text>,
        title -> Nullable<Text>,
        email -> Nullable<Text>,
        other_emails -> Array<Nullable<Text>>,
        phone -> Nullable<Text>,
        other_phones -> Array<Nullable<Text>>,
        domain -> Nullable<Text>,
        street -> Nullable<Text>,
        city -> Nullable<Text>,
        region -> Nullable<Text>,
        #[max_length = 2]
        country -> Nullable<Bpchar>,
        source -> Nullable<Text>,
        status -> Text,
        score -> Nullable<Int4>,
        estimated_value -> Nullable<Numeric>,
        #[max_length = 3]
        currency -> Bpchar,
        owner_id -> Nullable<Uuid>,
        do_not_contact -> Bool,
        description -> Nullable<Text>,
        custom -> Jsonb,
        version -> Int4,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        archived_at -> Nullable<Timestamptz>,
        deleted_at -> Nullable<Timestamptz>,
        postal_code -> Nullable<Text>,
        campaign -> Nullable<Text>,
    }
}

diesel::table! {
    mail_addresses (org_id, email) {
        org_id -> Uuid,
        email -> Text,
        unsubscribed_at -> Nullable<Timestamptz>,
        refused_at -> Nullable<Timestamptz>,
        refusal -> Nullable<Text>,
    }
}

diesel::table! {
    mail_attachments (org_id, message_id, file_id) {
        org_id -> Uuid,
        message_id -> Uuid,
        file_id -> Uuid,
        position -> Int4,
        name -> Text,
        size -> Int8,
    }
}

diesel::table! {
    mail_counts (org_id, day, member_id) {
        org_id -> Uuid,
        day -> Date,
        member_id -> Uuid,
        sent -> Int4,
    }
}

diesel::table! {
    mail_links (org_id, message_id, place) {
        org_id -> Uuid,
        message_id -> Uuid,
        place -> Int4,
        url -> Text,
        clicks -> Int4,
    }
}

diesel::table! {
    mail_messages (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        author_id -> Uuid,
        status -> Text,
        folder -> Text,
        at -> Timestamptz,
        subject -> Text,
        body_html -> Text,
        to_line -> Text,
        cc_line -> Text,
        bcc_line -> Text,
        contact_id -> Nullable<Uuid>,
        company_id -> Nullable<Uuid>,
        deal_id -> Nullable<Uuid>,
        lead_id -> Nullable<Uuid>,
        mailing_id -> Nullable<Uuid>,
        message_header -> Text,
        in_reply_to -> Nullable<Text>,
        reference_headers -> Array<Nullable<Text>>,
        thread_id -> Uuid,
        turn -> Int4,
        send_at -> Nullable<Timestamptz>,
        sent_at -> Nullable<Timestamptz>,
        from_line -> Nullable<Text>,
        counts_opens -> Bool,
        counts_clicks -> Bool,
        error -> Nullable<Text>,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    mail_recipients (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        message_id -> Uuid,
        kind -> Text,
        position -> Int4,
        name -> Text,
        email -> Text,
        contact_id -> Nullable<Uuid>,
        lead_id -> Nullable<Uuid>,
        status -> Text,
        error -> Nullable<Text>,
        sent_at -> Nullable<Timestamptz>,
        opens -> Int4,
        opened_at -> Nullable<Timestamptz>,
        clicks -> Int4,
        clicked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    mail_settings (org_id) {
        org_id -> Uuid,
        from_address -> Nullable<Text>,
        footer -> Text,
        daily_member -> Int4,
        daily_total -> Int4,
        count_opens -> Bool,
        count_clicks -> Bool,
        version -> Int4,
    }
}

diesel::table! {
    mail_signatures (org_id, member_id) {
        org_id -> Uuid,
        member_id -> Uuid,
        body_html -> Text,
    }
}

diesel::table! {
    mail_templates (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        name -> Text,
        name_key -> Text,
        subject -> Text,
        body_html -> Text,
        owner_id -> Uuid,
        shared -> Bool,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    mailing_attachments (org_id, mailing_id, file_id) {
        org_id -> Uuid,
        mailing_id -> Uuid,
        file_id -> Uuid,
        position -> Int4,
        name -> Text,
        size -> Int8,
    }
}

diesel::table! {
    mailings (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        author_id -> Uuid,
        record_type -> Text,
        status -> Text,
        subject -> Text,
        body_html -> Text,
        selection -> Jsonb,
        left_out -> Jsonb,
        planned -> Bool,
        send_at -> Timestamptz,
        resumes_at -> Nullable<Timestamptz>,
        error -> Nullable<Text>,
        created_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    mails (id) {
        id -> Uuid,
        org_id -> Nullable<Uuid>,
        user_id -> Nullable<Uuid>,
        template -> Text,
        recipient -> Text,
        subject -> Text,
        body_text -> Text,
        body_html -> Text,
        message_id -> Text,
        status -> Text,
        error -> Nullable<Text>,
        sent_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    members (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        role_id -> Uuid,
        name -> Text,
        email -> Text,
        avatar_tag -> Nullable<Text>,
        deactivated_at -> Nullable<Timestamptz>,
        last_seen_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    merges (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        record_type -> Text,
        survivor_id -> Uuid,
        merged_id -> Uuid,
        before -> Jsonb,
        after -> Jsonb,
        moved -> Jsonb,
        survivor_version -> Int4,
        merged_by -> Nullable<Uuid>,
        merged_at -> Timestamptz,
        undone_by -> Nullable<Uuid>,
        undone_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    notes (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        company_id -> Nullable<Uuid>,
        contact_id -> Nullable<Uuid>,
        deal_id -> Nullable<Uuid>,
        author_id -> Nullable<Uuid>,
        body_html -> Text,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        lead_id -> Nullable<Uuid>,
        pinned_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    notice_choices (org_id, member_id, kind) {
        org_id -> Uuid,
        member_id -> Uuid,
        kind -> Text,
        centre -> Bool,
        browser -> Bool,
        mail -> Text,
    }
}

diesel::table! {
    notice_settings (org_id, member_id) {
        org_id -> Uuid,
        member_id -> Uuid,
        quiet_from -> Nullable<Int2>,
        quiet_to -> Nullable<Int2>,
        quiet_days_off -> Bool,
        lead_minutes -> Nullable<Int4>,
    }
}

diesel::table! {
    notices (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        member_id -> Uuid,
        kind -> Text,
        record_type -> Nullable<Text>,
        record_id -> Nullable<Uuid>,
        actor_id -> Nullable<Uuid>,
        params -> Jsonb,
        once -> Text,
        centre -> Bool,
        browser -> Bool,
        mail -> Text,
        mailed_at -> Nullable<Timestamptz>,
        read_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    operation_batches (org_id, operation_id, n) {
        org_id -> Uuid,
        operation_id -> Uuid,
        n -> Int4,
        record_type -> Text,
        ids -> Array<Nullable<Uuid>>,
    }
}

diesel::table! {
    operation_changes (org_id, operation_id, record_type, record_id) {
        org_id -> Uuid,
        operation_id -> Uuid,
        record_type -> Text,
        record_id -> Uuid,
        action -> Text,
        before -> Jsonb,
        version_after -> Nullable<Int4>,
        undo -> Nullable<Text>,
    }
}

diesel::table! {
    operations (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        kind -> Text,
        record_type -> Text,
        title -> Text,
        params -> Jsonb,
        status -> Text,
        planned -> Bool,
        total -> Int8,
        done -> Int8,
        changed -> Int8,
        skipped -> Int8,
        failed -> Int8,
        reasons -> Jsonb,
        undo_total -> Int8,
        restored -> Int8,
        left_alone -> Int8,
        cancel_requested -> Bool,
        request_key -> Nullable<Uuid>,
        error -> Nullable<Text>,
        created_by -> Nullable<Uuid>,
        undone_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        heartbeat_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        undo_started_at -> Nullable<Timestamptz>,
        undo_finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    org_currencies (org_id, currency) {
        org_id -> Uuid,
        #[max_length = 3]
        currency -> Bpchar,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    organisation_logos (org_id) {
        org_id -> Uuid,
        content_type -> Text,
        bytes -> Bytea,
    }
}

diesel::table! {
    organisations (id) {
        id -> Uuid,
        slug -> Text,
        name -> Text,
        #[max_length = 3]
        currency -> Bpchar,
        locale -> Text,
        time_zone -> Text,
        fiscal_year_start -> Int2,
        working_days -> Array<Nullable<Int2>>,
        lost_reasons -> Array<Nullable<Text>>,
        logo_tag -> Nullable<Text>,
        version -> Int4,
        created_at -> Timestamptz,
        work_from -> Int2,
        work_to -> Int2,
        won_reasons -> Array<Nullable<Text>>,
        celebrate -> Bool,
    }
}

diesel::table! {
    pipelines (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        name -> Text,
        position -> Int4,
        version -> Int4,
        created_at -> Timestamptz,
        probability_from -> Text,
        board_look -> Nullable<Jsonb>,
    }
}

diesel::table! {
    post_edits (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        note_id -> Nullable<Uuid>,
        comment_id -> Nullable<Uuid>,
        body_html -> Text,
        edited_by -> Nullable<Uuid>,
        edited_at -> Timestamptz,
    }
}

diesel::table! {
    post_mentions (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        note_id -> Nullable<Uuid>,
        comment_id -> Nullable<Uuid>,
        member_id -> Uuid,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    post_reactions (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        note_id -> Nullable<Uuid>,
        comment_id -> Nullable<Uuid>,
        member_id -> Uuid,
        emoji -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    preferences (org_id, member_id, key) {
        org_id -> Uuid,
        member_id -> Uuid,
        key -> Text,
        value -> Jsonb,
    }
}

diesel::table! {
    product_categories (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        name -> Text,
        name_key -> Text,
        retired_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    product_prices (org_id, product_id, currency) {
        org_id -> Uuid,
        product_id -> Uuid,
        #[max_length = 3]
        currency -> Bpchar,
        price -> Numeric,
    }
}

diesel::table! {
    products (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        name -> Text,
        name_key -> Text,
        name_match -> Text,
        code -> Nullable<Text>,
        code_key -> Nullable<Text>,
        code_match -> Nullable<Text>,
        unit -> Nullable<Text>,
        category_id -> Nullable<Uuid>,
        tax_class_id -> Nullable<Uuid>,
        every -> Nullable<Text>,
        description -> Nullable<Text>,
        version -> Int4,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        retired_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    quality_settings (org_id, record_type) {
        org_id -> Uuid,
        record_type -> Text,
        fields -> Jsonb,
        incomplete_below -> Int4,
        stale_after -> Int4,
        version -> Int4,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    rate_sources (org_id) {
        org_id -> Uuid,
        fetching -> Bool,
        url -> Nullable<Text>,
        tried_at -> Nullable<Timestamptz>,
        fetched_at -> Nullable<Timestamptz>,
        fetched_day -> Nullable<Date>,
        problem -> Nullable<Text>,
    }
}

diesel::table! {
    recent_records (org_id, member_id, record_id) {
        org_id -> Uuid,
        member_id -> Uuid,
        record_id -> Uuid,
        record_type -> Text,
        at -> Timestamptz,
    }
}

diesel::table! {
    recent_searches (org_id, member_id, words) {
        org_id -> Uuid,
        member_id -> Uuid,
        words -> Text,
        at -> Timestamptz,
    }
}

diesel::table! {
    record_tags (org_id, record_type, record_id, tag_id) {
        org_id -> Uuid,
        record_type -> Text,
        record_id -> Uuid,
        tag_id -> Uuid,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    record_totals (org_id, id) {
        org_id -> Uuid,
        id -> Int8,
        record_type -> Text,
        owner_id -> Nullable<Uuid>,
        records -> Int8,
        measured -> Int8,
        points -> Int8,
    }
}

diesel::table! {
    reminder_clocks (org_id) {
        org_id -> Uuid,
        reached -> Timestamptz,
    }
}

diesel::table! {
    removed_stages (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        pipeline_id -> Nullable<Uuid>,
        name -> Text,
        color -> Text,
        position -> Int4,
        removed_at -> Timestamptz,
        probability -> Nullable<Int2>,
    }
}

diesel::table! {
    retention_rules (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        record_type -> Text,
        condition -> Text,
        days -> Int4,
        action -> Text,
        active -> Bool,
        version -> Int4,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        activated_by -> Nullable<Uuid>,
        activated_at -> Nullable<Timestamptz>,
        ran_at -> Nullable<Timestamptz>,
        operation_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    retention_settings (org_id) {
        org_id -> Uuid,
        bin_days -> Int2,
        import_days -> Nullable<Int2>,
        version -> Int4,
        ran_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    roles (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        key -> Text,
        name -> Text,
        permissions -> Array<Nullable<Text>>,
        visibility -> Text,
        position -> Int4,
    }
}

diesel::table! {
    rule_breaks (org_id, rule_id, record_id) {
        org_id -> Uuid,
        rule_id -> Uuid,
        record_id -> Uuid,
    }
}

diesel::table! {
    saved_views (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        record_type -> Text,
        name -> Text,
        owner_id -> Uuid,
        sharing -> Text,
        team_id -> Nullable<Uuid>,
        query -> Text,
        layout -> Nullable<Jsonb>,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    search_documents (org_id, record_type, record_id) {
        org_id -> Uuid,
        record_type -> Text,
        record_id -> Uuid,
        owner_id -> Nullable<Uuid>,
        title -> Text,
        subtitle -> Text,
        folded_title -> Text,
        folded_key -> Text,
        haystack -> Text,
        weight -> Int2,
    }
}

diesel::table! {
    search_words (org_id, word) {
        org_id -> Uuid,
        word -> Text,
    }
}

diesel::table! {
    segment_members (org_id, segment_id, record_id) {
        org_id -> Uuid,
        segment_id -> Uuid,
        record_id -> Uuid,
        added_at -> Timestamptz,
    }
}

diesel::table! {
    segments (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        record_type -> Text,
        name -> Text,
        name_key -> Text,
        description -> Nullable<Text>,
        filter -> Nullable<Jsonb>,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        user_id -> Nullable<Uuid>,
        org_id -> Nullable<Uuid>,
        state -> Jsonb,
        ip -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        created_at -> Timestamptz,
        last_seen_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    stage_criteria (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        stage_id -> Uuid,
        label -> Text,
        required -> Bool,
        position -> Int4,
        retired_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    stages (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        pipeline_id -> Uuid,
        name -> Text,
        color -> Text,
        probability -> Int2,
        rotting_days -> Nullable<Int2>,
        position -> Int4,
        version -> Int4,
        required_fields -> Array<Nullable<Text>>,
        default_probability -> Nullable<Int2>,
        wins -> Nullable<Int4>,
        settled -> Nullable<Int4>,
        measured_at -> Nullable<Timestamptz>,
        forecast_category -> Text,
        card_limit -> Nullable<Int2>,
    }
}

diesel::table! {
    tags (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        name -> Text,
        name_key -> Text,
        color -> Text,
        merged_into -> Nullable<Uuid>,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    tax_classes (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        name -> Text,
        name_key -> Text,
        rate -> Numeric,
        retired_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    targets (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        member_id -> Nullable<Uuid>,
        team_id -> Nullable<Uuid>,
        pipeline_id -> Nullable<Uuid>,
        measure -> Text,
        activity_type_id -> Nullable<Uuid>,
        unit -> Text,
        starts_on -> Date,
        value -> Numeric,
        updated_by -> Nullable<Uuid>,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    team_members (org_id, team_id, member_id) {
        org_id -> Uuid,
        team_id -> Uuid,
        member_id -> Uuid,
    }
}

diesel::table! {
    teams (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        name -> Text,
        manager_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    turns (org_id, key) {
        org_id -> Uuid,
        key -> Text,
        last_member_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    user_avatars (user_id) {
        user_id -> Uuid,
        content_type -> Text,
        bytes -> Bytea,
    }
}

diesel::table! {
    users (id) {
        id -> Uuid,
        email -> Text,
        name -> Text,
        password_hash -> Nullable<Text>,
        email_verified_at -> Nullable<Timestamptz>,
        time_zone -> Text,
        locale -> Text,
        theme -> Text,
        avatar_tag -> Nullable<Text>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    validation_rules (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        record_type -> Text,
        kind -> Text,
        field -> Text,
        format -> Text,
        expression -> Text,
        message -> Text,
        active -> Bool,
        measured_at -> Nullable<Timestamptz>,
        version -> Int4,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    view_defaults (org_id, role_id, record_type) {
        org_id -> Uuid,
        role_id -> Uuid,
        record_type -> Text,
        view_id -> Uuid,
    }
}

diesel::table! {
    view_matches (org_id, member_id, view_id, record_id) {
        org_id -> Uuid,
        member_id -> Uuid,
        view_id -> Uuid,
        record_id -> Uuid,
    }
}

diesel::table! {
    view_pins (org_id, member_id, view_id) {
        org_id -> Uuid,
        member_id -> Uuid,
        view_id -> Uuid,
        position -> Int4,
    }
}

diesel::table! {
    view_watches (org_id, member_id, view_id) {
        org_id -> Uuid,
        member_id -> Uuid,
        view_id -> Uuid,
        watermark -> Timestamptz,
        small -> Bool,
        fresh -> Int4,
        unmailed -> Int4,
        mailed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    web_forms (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        token -> Text,
        name -> Text,
        heading -> Text,
        fields -> Jsonb,
        button -> Text,
        consent_text -> Text,
        thanks -> Text,
        redirect_url -> Nullable<Text>,
        source -> Nullable<Text>,
        campaign -> Nullable<Text>,
        origins -> Array<Nullable<Text>>,
        active -> Bool,
        version -> Int4,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    web_submissions (org_id, id) {
        org_id -> Uuid,
        id -> Uuid,
        form_id -> Uuid,
        lead_id -> Nullable<Uuid>,
        answers -> Jsonb,
        consent_text -> Nullable<Text>,
        page -> Nullable<Text>,
        suspicions -> Array<Nullable<Text>>,
        stamp -> Nullable<Text>,
        digest -> Text,
        received_at -> Timestamptz,
    }
}

diesel::joinable!(auth_tokens -> users (user_id));
diesel::joinable!(companies -> organisations (org_id));
diesel::joinable!(competitors -> organisations (org_id));
diesel::joinable!(contacts -> organisations (org_id));
diesel::joinable!(counters -> organisations (org_id));
diesel::joinable!(custom_fields -> organisations (org_id));
diesel::joinable!(custom_values_unique -> organisations (org_id));
diesel::joinable!(deal_forecasts -> organisations (org_id));
diesel::joinable!(deal_totals -> organisations (org_id));
diesel::joinable!(deals -> organisations (org_id));
diesel::joinable!(definition_changes -> organisations (org_id));
diesel::joinable!(exchange_rates -> organisations (org_id));
diesel::joinable!(exports -> organisations (org_id));
diesel::joinable!(forgotten_names -> organisations (org_id));
diesel::joinable!(import_fingerprints -> organisations (org_id));
diesel::joinable!(import_templates -> organisations (org_id));
diesel::joinable!(imports -> organisations (org_id));
diesel::joinable!(invitations -> organisations (org_id));
diesel::joinable!(jobs -> organisations (org_id));
diesel::joinable!(leads -> organisations (org_id));
diesel::joinable!(mails -> organisations (org_id));
diesel::joinable!(mails -> users (user_id));
diesel::joinable!(members -> organisations (org_id));
diesel::joinable!(members -> users (id));
diesel::joinable!(notes -> organisations (org_id));
diesel::joinable!(notices -> organisations (org_id));
diesel::joinable!(org_currencies -> organisations (org_id));
diesel::joinable!(organisation_logos -> organisations (org_id));
diesel::joinable!(pipelines -> organisations (org_id));
diesel::joinable!(product_categories -> organisations (org_id));
diesel::joinable!(products -> organisations (org_id));
diesel::joinable!(quality_settings -> organisations (org_id));
diesel::joinable!(rate_sources -> organisations (org_id));
diesel::joinable!(record_totals -> organisations (org_id));
diesel::joinable!(reminder_clocks -> organisations (org_id));
diesel::joinable!(roles -> organisations (org_id));
diesel::joinable!(saved_views -> organisations (org_id));
diesel::joinable!(search_documents -> organisations (org_id));
diesel::joinable!(search_words -> organisations (org_id));
diesel::joinable!(sessions -> organisations (org_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(stage_criteria -> organisations (org_id));
diesel::joinable!(stages -> organisations (org_id));
diesel::joinable!(tax_classes -> organisations (org_id));
diesel::joinable!(teams -> organisations (org_id));
diesel::joinable!(turns -> organisations (org_id));
diesel::joinable!(user_avatars -> users (user_id));
diesel::joinable!(validation_rules -> organisations (org_id));

diesel::allow_tables_to_appear_in_same_query!(file_versions, files,);
diesel::allow_tables_to_appear_in_same_query!(activity_template_steps, activity_templates,);
diesel::allow_tables_to_appear_in_same_query!(record_tags, tags,);
diesel::allow_tables_to_appear_in_same_query!(
    auth_tokens,
    automation_inbox,
    automation_runs,
    automations,
    companies,
    contacts,
    counters,
    custom_fields,
    custom_values_unique,
    deal_forecasts,
    deal_totals,
    deals,
    definition_changes,
    exchange_rates,
    exports,
    forgotten_names,
    import_fingerprints,
    import_templates,
    imports,
    invitations,
    jobs,
    leads,
    mails,
    members,
    notes,
    notices,
    org_currencies,
    organisation_logos,
    organisations,
    pipelines,
    product_categories,
    products,
    quality_settings,
    rate_sources,
    record_totals,
    reminder_clocks,
    retention_rules,
    retention_settings,
    roles,
    saved_views,
    search_documents,
    search_words,
    sessions,
    stage_criteria,
    stages,
    tax_classes,
    teams,
    turns,
    user_avatars,
    users,
    validation_rules,
);
